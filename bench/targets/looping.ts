/** A target without HTTP: it does one thing again and again for as long as it is told to. */
import type { Work } from '../harness/rounds.js';

/** Runs `once` with so many calls under way at a time. */
export function serveLoop(concurrency: number, once: () => unknown): void {
  process.on('message', ({ seconds }: { seconds: number }) => {
    void loop(seconds, concurrency, once).then((work) => process.send?.(work));
  });
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}

/** Between two looks at the clock. */
const CALLS = 64;

async function loop(seconds: number, concurrency: number, once: () => unknown): Promise<Work> {
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  let completed = 0;
  const worker = async () => {
    while (performance.now() < untilMs) {
      for (let call = 0; call < CALLS; call++) await once();
      completed += CALLS;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { completed, seconds: (performance.now() - startedMs) / 1000 };
}
