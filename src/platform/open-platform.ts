import type pg from 'pg';
import type { Logger } from 'pino';
import type { Settings } from '../config/settings.types.js';
import type { KeyRing } from './keys/key-ring.js';
import { openKeys } from './keys/open-keys.js';
import { laneConnections } from './lane/lane-connections.js';
import { openLanes, type RunningLanes } from './lane/lanes.js';
import { ensurePartitions } from './postgres/partitions.js';
import { openRecord } from './postgres/record.js';
import { createMetrics, type Metrics } from './telemetry/metrics.js';

/** What all modules stand on, opened in the order in which each needs the one before. */
export interface Platform {
  settings: Settings;
  logger: Logger;
  /** Of the record, for what callers read. */
  pool: pg.Pool;
  /** Of the record, for what the service itself lives by. */
  ownPool: pg.Pool;
  keys: KeyRing;
  lanes: RunningLanes;
  metrics: Metrics;
  /** What waits in the lanes is done first; then all is closed in reverse order. */
  close(): Promise<void>;
}

const PARTITIONS_EVERY_MS = 24 * 3_600_000;

export interface PlatformOptions {
  settings: Settings;
  /** A service holds an embedded record alone; a command joins it, or runs it for itself. */
  purpose: 'serve' | 'command';
  logger: Logger;
  /** The embedded record ended by itself: the process cannot go on. */
  onLost?: (sentence: string) => void;
}

export async function openPlatform({ settings, purpose, logger, onLost }: PlatformOptions): Promise<Platform> {
  const record = await openRecord(settings, purpose, onLost);
  try {
    const keys = await openKeys(settings);
    const metrics = createMetrics();
    const connections = laneConnections(record.service, record.ownPool);
    const lanes = openLanes({
      connections,
      metrics,
      deadlineMs: settings.decisionDeadlineMs,
      onError: (error, what) => logger.warn({ err: error }, what),
    });
    const makePartitions = () =>
      ensurePartitions(record.ownPool).then(
        () => undefined,
        (error: unknown) => logger.error({ err: error }, 'partitions not made'),
      );
    // at start, too: an instance that is restarted every day never lives until the first time of the timer
    if (purpose === 'serve') await makePartitions();
    const partitions = setInterval(() => void makePartitions(), PARTITIONS_EVERY_MS);
    partitions.unref();
    return {
      settings,
      logger,
      pool: record.pool,
      ownPool: record.ownPool,
      keys: keys.ring,
      lanes,
      metrics,
      async close() {
        clearInterval(partitions);
        await lanes.drain();
        await connections.close();
        await keys.close();
        await record.close();
      },
    };
  } catch (error) {
    await record.close();
    throw error;
  }
}
