import type { ChildProcess } from 'node:child_process';
import { freePort, startProgram, temporaryDirectory } from './processes.js';

export interface BenchRedis {
  child: ChildProcess;
  pid: number;
  url: string;
}

/** A throw-away Redis without persistence; undefined where `redis-server` is not installed. */
export async function startRedis(): Promise<BenchRedis | undefined> {
  const port = await freePort();
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    temporaryDirectory(),
  ];
  try {
    const { child, pid } = await startProgram('redis-server', args, {
      env: { PATH: process.env.PATH },
      ready: /Ready to accept connections/,
      output: 'heard',
    });
    return { child, pid, url: `redis://127.0.0.1:${port}` };
  } catch (error) {
    if ((error as Error).message.includes('ENOENT')) return undefined;
    throw error;
  }
}
