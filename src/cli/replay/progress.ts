/** How far a replay is: a bar on a terminal, else a line now and then. */
import { SingleBar } from 'cli-progress';
import { rate } from './summary.js';
import type { Tally } from './tally.js';

export interface Progress {
  /** To be called after each row; what it draws is paced. */
  update: () => void;
  stop: () => void;
}

/** What progress is measured by: bytes of the file, since nobody has counted its rows. */
export interface Extent {
  totalBytes: number;
  readBytes(): number;
}

const LINE_EVERY_MS = 10_000;

export function startProgress(tally: Tally, extent: Extent, stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? bar(tally, extent, stream) : sparseLines(tally, stream);
}

function bar(tally: Tally, extent: Extent, stream: NodeJS.WriteStream): Progress {
  const startMs = performance.now();
  const facts = () => ({ rows: tally.rows, errors: tally.errors, rate: rate(tally.rows, performance.now() - startMs) });
  const single = new SingleBar({
    format: 'replay {bar} {percentage} % · {rows} rows · errors {errors} · {rate} rows/s · {duration_formatted}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    stream,
    gracefulExit: false,
    fps: 5,
  });
  single.start(Math.max(1, extent.totalBytes), 0, facts());
  const update = () => single.update(Math.min(extent.readBytes(), extent.totalBytes), facts());
  return {
    update,
    stop() {
      update();
      single.stop();
    },
  };
}

function sparseLines(tally: Tally, stream: NodeJS.WriteStream): Progress {
  const startMs = performance.now();
  let lastMs = startMs;
  return {
    update() {
      const nowMs = performance.now();
      if (nowMs - lastMs < LINE_EVERY_MS) return;
      lastMs = nowMs;
      stream.write(`${tally.rows} rows · errors ${tally.errors} · ${rate(tally.rows, nowMs - startMs)} rows/s\n`);
    },
    stop: () => undefined,
  };
}
