/** The processes of a benchmark: each in one of its own, told when to end, and ended with us. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const START_MS = 60_000;

const running = new Set<ChildProcess>();
const directories: string[] = [];
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

/** A directory that goes when we do. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pointguard-bench-'));
  directories.push(directory);
  return directory;
}

function keep(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Ends a process and waits for its end. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Waits for the first value that `take` makes of what happens; a process that ends before, or never says it, is an error. */
function firstFrom<T>(child: ChildProcess, name: string, listen: (found: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${name} did not start within ${START_MS / 1000} s`)), START_MS);
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`${name} ended with ${code ?? signal}`)));
    listen((value) => {
      clearTimeout(late);
      resolve(value);
    });
  });
}

export interface Part<R> {
  child: ChildProcess;
  pid: number;
  /** What it said when it was ready. */
  ready: R;
}

/** Starts one of our own files, by its path below bench/; its first message says that it is ready. */
export async function startPart<R>(file: string, argument: unknown = {}): Promise<Part<R>> {
  const child = keep(
    fork(MAIN, [JSON.stringify(argument)], {
      env: { PATH: process.env.PATH, BENCH_PROCESS: `./${file}` },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  );
  const ready = await firstFrom<R>(child, file, (found) => child.once('message', (message) => found(message as R)));
  return { child, pid: child.pid ?? 0, ready };
}

/** Sends a message and waits for its answer; an end in between is an error. */
export async function ask<R>(child: ChildProcess, message: object): Promise<R> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a part of the benchmark ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (answer) => {
      child.off('exit', ended);
      resolve(answer as R);
    });
    child.send(message);
  });
}

/** Starts any other program; it is ready when a line of its output matches, or of its errors where the output goes nowhere. */
export async function startProgram(
  file: string,
  args: readonly string[],
  { env, ready, output }: { env: NodeJS.ProcessEnv; ready: RegExp; output: 'heard' | 'dropped' },
): Promise<Part<RegExpExecArray>> {
  const child = keep(spawn(file, args, { env, stdio: ['ignore', output === 'heard' ? 'pipe' : 'ignore', 'pipe'] }));
  let said = '';
  const match = await firstFrom<RegExpExecArray>(child, file, (found) => {
    const hear = (text: Buffer) => {
      said = (said + text.toString()).slice(-10_000);
      const line = ready.exec(said);
      if (line) found(line);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${said.slice(-500)}`);
  });
  child.stdout?.removeAllListeners('data').resume();
  child.stderr?.removeAllListeners('data').resume();
  return { child, pid: child.pid ?? 0, ready: match };
}

/** A TCP port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address ? address.port : 0;
}
