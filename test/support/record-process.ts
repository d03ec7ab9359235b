/** A process of its own that holds the embedded record, so that it can be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROJECT } from './clone.js';

/**
 * Opens the record, says so, and obeys words on stdin: `write` inserts rows one after another and says each number once
 * it is acknowledged; `read` says which are there; `close` closes. Says what it is refused, and when the server is lost.
 */
const SCRIPT = `
  import { createInterface } from 'node:readline';
  const [dist, dataDir, purpose] = process.argv.slice(1);
  const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
  const { openRecord } = await import(dist + '/platform/postgres/record.js');
  const startMs = performance.now();
  const tookMs = () => Math.round(performance.now() - startMs);
  const record = await openRecord({ dataDir, production: false }, purpose, (lost) => say({ lost })).catch((error) => {
    say({ refused: error.message, name: error.name, tookMs: tookMs() });
    process.exit(3);
  });
  say({ opened: true, tookMs: tookMs(), host: record.service.host });
  const words = {
    async write() {
      for (let n = 1; ; n++) {
        await record.pool.query('insert into subject (program_id, key, state) values (0, int4send($1), $2)', [n, 'x']);
        say({ acknowledged: n });
      }
    },
    async read() {
      const { rows } = await record.pool.query("select count(*)::int as rows, coalesce(max(('x' || encode(key, 'hex'))::bit(32)::int), 0) as last from subject");
      say(rows[0]);
    },
    async query(...sql) {
      const { rows } = await record.pool.query(sql.join(' '));
      say({ rows });
    },
    async close() {
      await record.close();
      say({ closed: true });
      process.exit(0);
    },
  };
  createInterface({ input: process.stdin }).on('line', (line) => {
    const [word, ...rest] = line.split(' ');
    words[word](...rest).catch((error) => say({ failed: error.code ?? error.message }));
  });
`;

export interface Message {
  opened?: boolean;
  refused?: string;
  name?: string;
  tookMs?: number;
  host?: string;
  acknowledged?: number;
  rows?: number | Record<string, unknown>[];
  last?: number;
  failed?: string;
  lost?: string;
  closed?: boolean;
}

export interface RecordProcess {
  readonly child: ChildProcess;
  readonly messages: readonly Message[];
  /** The first message that has this member, said so far or later. Throws when the process ends without it. */
  said(member: keyof Message): Promise<Message>;
  tell(word: string): void;
  /** Says the word `close` and waits for the end; answers the exit status. */
  close(): Promise<number | null>;
  kill(): Promise<void>;
}

export interface Where {
  /** A copy of the service; the project itself. */
  clone?: string;
  uid?: number;
  gid?: number;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** Starts a process that opens the record of a data directory, as a service or as a command. */
export function recordProcess(dataDir: string, purpose: 'serve' | 'command', where: Where = {}): RecordProcess {
  const { clone, env = process.env, ...options } = where;
  const node = clone ? join(clone, 'node') : process.execPath;
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', SCRIPT];
  const child = spawn(node, [...flags, join(clone ?? PROJECT, 'dist'), dataDir, purpose], {
    cwd: clone ?? PROJECT,
    ...options,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const messages: Message[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => messages.push(JSON.parse(line) as Message));
  const ended = once(child, 'close');
  child.stdin.on('error', () => undefined);
  return {
    child,
    messages,
    async said(member) {
      for (;;) {
        const found = messages.find((message) => member in message);
        if (found) return found;
        const over = await Promise.race([once(lines, 'line').then(() => false), ended.then(() => true)]);
        if (over && !messages.some((message) => member in message)) {
          throw new Error(`the process ended without "${member}": ${JSON.stringify(messages.slice(-3))}`);
        }
      }
    },
    tell: (word) => void child.stdin.write(`${word}\n`),
    async close() {
      child.stdin.write('close\n');
      await ended;
      return child.exitCode;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
