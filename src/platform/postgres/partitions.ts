/**
 * Partitions by month, made two months ahead. The service has no DDL: it calls the owner's function, which makes one
 * table a transaction and waits at most 200 ms for its lock, so that nobody queues behind it for long.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientBase, Pool } from 'pg';
import { codeOf } from './record-error.js';

const PARTITIONED = ['decision_evidence', 'event'];
const MONTHS_AHEAD = 2;
const ATTEMPTS = 50;
const PAUSE_MS = 100;

/** Worth another try: the lock did not come in time, or another instance is making the same table. */
const AGAIN = new Set(['55P03', '40P01', '42P07', '23505']);

async function ensurePartition(client: ClientBase | Pool, table: string, monthsAhead: number): Promise<boolean> {
  const made = await client.query<{ made: boolean }>(
    `select pointguard.ensure_partition(('pointguard.' || $1::text)::regclass,
      (date_trunc('month', now() at time zone 'UTC') + make_interval(months => $2::int))::date) as made`,
    [table, monthsAhead],
  );
  return made.rows[0]?.made ?? false;
}

async function insist(attempt: () => Promise<boolean>): Promise<boolean> {
  for (let left = ATTEMPTS - 1; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0 || !AGAIN.has(codeOf(error) ?? '')) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/**
 * Makes the partitions of this month and the next two, by the record's clock in UTC, where they are missing. For the
 * owner and for the service's role, at start and daily. Answers how many were made; throws the error of the record
 * where a lock was not to be had in 50 tries.
 */
export async function ensurePartitions(client: ClientBase | Pool): Promise<number> {
  let made = 0;
  for (const table of PARTITIONED) {
    for (let month = 0; month <= MONTHS_AHEAD; month++) {
      if (await insist(() => ensurePartition(client, table, month))) made++;
    }
  }
  return made;
}
