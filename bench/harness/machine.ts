/** What a figure depends on, so that it can be read elsewhere. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { median } from './gates.js';

/** What making 8 kB durable takes here, ms: the median of 200 times. */
export function syncMs(): number {
  const directory = mkdtempSync(join(tmpdir(), 'pointguard-bench-'));
  const file = openSync(join(directory, 'sync'), 'w');
  const page = Buffer.alloc(8192, 1);
  const times = Array.from({ length: 200 }, () => {
    const startedMs = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    return performance.now() - startedMs;
  });
  closeSync(file);
  rmSync(directory, { recursive: true });
  return median(times);
}

export function machineFacts(): string {
  const [cpu] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return [
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown processor'}`,
    `${gigabytes} GB`,
    `Node ${process.versions.node}`,
    `fdatasync of 8 kB ${syncMs().toFixed(2)} ms`,
    `load average at the start ${loadavg()[0]?.toFixed(1)}`,
  ].join(', ');
}
