/** CPU time of processes from /proc: the steadiest yardstick on a machine that others use, too. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

interface Stat {
  pid: number;
  parent: number;
  /** User and system time of all threads, and of the children that have ended. */
  ticks: number;
}

/** proc(5): the command may hold spaces and brackets, so fields are counted from the last one. */
function statOf(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [parent = 0] = fields.slice(1, 2);
  const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
  return { pid, parent, ticks };
}

/** CPU time of processes and of all below them, µs. */
export function cpuMicrosOf(roots: readonly number[]): number {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat !== undefined);
  const inTree = new Set(roots);
  // parents mostly come first, but numbers wrap around
  for (let before = 0; before !== inTree.size; ) {
    before = inTree.size;
    for (const { pid, parent } of stats) if (inTree.has(parent)) inTree.add(pid);
  }
  const ticks = stats.reduce((sum, stat) => sum + (inTree.has(stat.pid) ? stat.ticks : 0), 0);
  return (ticks / TICKS_PER_SECOND) * 1e6;
}
