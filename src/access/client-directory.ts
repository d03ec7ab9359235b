/**
 * Clients and programs in memory, for the hot path: a snapshot of the record, read again when the system lane's batch
 * has changed. It is polled every 500 ms; a snapshot whose last successful poll began more than 1 s ago judges nobody,
 * so that a revocation acts within a second in every instance, or the instance refuses.
 */
import { ServiceError } from '../kernel/errors.js';
import type { AccessStore } from './access.store.js';
import type { ClientRow } from './core/identity.js';

const POLL_MS = 500;
const MOST_AGE_MS = 1000;

/** One state of all clients. A new object for each state: what was derived from it can be compared by identity. */
export interface ClientSnapshot {
  /** Revoked ones included. */
  readonly clients: ReadonlyMap<string, ClientRow>;
}

export interface ClientDirectory {
  /** The snapshot, where it is young enough to judge by. */
  current(): ClientSnapshot | undefined;
  /** The snapshot after a poll: one that began at most 1 s ago, or, with `anew`, after this call. Throws `record.unavailable`. */
  refreshed(anew?: boolean): Promise<ClientSnapshot>;
  stop(): void;
}

/** Starts polling. `monotonicMs` is a clock that never jumps. */
export function openClientDirectory(
  store: Pick<AccessStore, 'systemBatch' | 'clients'>,
  monotonicMs: () => number = () => performance.now(),
): ClientDirectory {
  let snapshot: ClientSnapshot = { clients: new Map() };
  let batch: string | undefined;
  let polledMs = -Infinity;
  let polling: Promise<void> | undefined;

  async function poll(): Promise<void> {
    const beganMs = monotonicMs();
    // the batch first: clients read after it are at least as new as it says
    const seen = await store.systemBatch();
    if (seen !== batch) {
      const clients = await store.clients();
      snapshot = { clients: new Map(clients.map((client) => [client.clientId, client])) };
      batch = seen;
    }
    polledMs = beganMs;
  }

  function pollOnce(): Promise<void> {
    polling ??= poll().finally(() => {
      polling = undefined;
    });
    return polling;
  }

  const current = () => (monotonicMs() - polledMs <= MOST_AGE_MS ? snapshot : undefined);

  const timer = setInterval(() => {
    // a failed poll is told by those who need it, and the next one comes
    pollOnce().catch(() => {});
  }, POLL_MS);
  timer.unref();

  return {
    current,
    async refreshed(anew = false) {
      // one under way may have begun too early to have seen what this caller is after
      if (anew) await polling?.catch(() => {});
      await pollOnce();
      const young = current();
      if (!young)
        throw new ServiceError('record.unavailable', 'The record answers too slowly.', { retryAfterSeconds: 1 });
      return young;
    },
    stop: () => clearInterval(timer),
  };
}
