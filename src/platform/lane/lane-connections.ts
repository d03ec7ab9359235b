import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientConfig, type Pool } from 'pg';

/** Text as it came: the lane's rows are few and known, and parsing what is not needed costs. */
const RAW = { getTypeParser: () => (text: string) => text };

/**
 * GUCs of a lane's connection. The time-outs free the lane when its holder dies or freezes; without sequential scans
 * no plan made while a table was empty can scan it for ever.
 */
const SESSION = [
  'set synchronous_commit = on',
  'set statement_timeout = 2000',
  'set idle_in_transaction_session_timeout = 1000',
  'set tcp_user_timeout = 2000',
  'set enable_seqscan = off',
  'set jit = off',
].join('; ');

/** Of one instance, however many programs it serves: six instances fit into PostgreSQL's default of 100. */
const MOST_CONNECTIONS = 16;
const CONNECT_MS = 2000;
/** Before a middlebox forgets an idle connection, which would cost the next command its deadline. */
const KEEP_ALIVE_AFTER_MS = 30_000;
const CLOSE_MS = 1000;
/**
 * A plan is made for tables of the size that they have then. Of an empty table every index is as good as the right one,
 * and 100,000 rows later the wrong one cost 998 pages a batch; so plans are made anew when they are this old.
 */
const PLANS_KEPT_MS = 5000;

/**
 * Ends whoever holds what a backend waits for; through other waiters, since the second in line waits for the first and
 * not for the holder. Waiters are not at fault, nor is a holder who has just got his turn.
 */
const END_HOLDER = `with recursive blocker (pid) as (
    select unnest(pg_blocking_pids($1)) union select unnest(pg_blocking_pids(pid)) from blocker)
  select pg_terminate_backend(pid) from blocker join pg_stat_activity using (pid)
  where wait_event_type is distinct from 'Lock' and state_change < clock_timestamp() - interval '500 ms'`;

/** The connections of all lanes of one instance: a lane has one of them for one batch. */
export interface LaneConnections {
  /** A connection that is nobody else's until it is given back. Waits for its turn where all are taken. */
  take(): Promise<Client>;
  /** Ends what was taken, destroyed or not. */
  give(client: Client): void;
  /** Cuts the connection, whatever it is doing; its queries fail, and its transaction is rolled back. */
  destroy(client: Client): void;
  /** Whether the connection was neither cut nor lost. */
  isOpen(client: Client): boolean;
  /** Ends whoever holds what this backend waits for: the only thing that ends a backend blocked by a frozen client. */
  endHolder(waitingPid: number): Promise<void>;
  /** Ends all connections within a second, also those of a server that does not answer. */
  close(): Promise<void>;
}

export function laneConnections(
  service: ClientConfig,
  pool: Pool,
  mostConnections = MOST_CONNECTIONS,
): LaneConnections {
  const idle: Client[] = [];
  const open = new Set<Client>();
  const plannedAtMs = new WeakMap<Client, number>();
  const turns = queueOfTurns(mostConnections);

  async function connect(): Promise<Client> {
    const client = new Client({
      ...service,
      pipeline: true,
      types: RAW,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      application_name: 'pointguard lane',
    });
    client.on('error', () => destroy(client));
    open.add(client);
    // a server that is frozen answers neither the login nor what follows it
    const hung = setTimeout(() => destroy(client), CONNECT_MS);
    try {
      await client.connect();
      await client.query(SESSION);
      plannedAtMs.set(client, performance.now());
      return client;
    } catch (error) {
      destroy(client);
      throw error;
    } finally {
      clearTimeout(hung);
    }
  }

  function destroy(client: Client): void {
    open.delete(client);
    const at = idle.indexOf(client);
    if (at >= 0) idle.splice(at, 1);
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  /** Goes ahead of what its taker sends: no round trip of its own. Where it fails, all that follows fails as well. */
  function planAnew(client: Client): void {
    const nowMs = performance.now();
    if (nowMs - (plannedAtMs.get(client) ?? 0) < PLANS_KEPT_MS) return;
    plannedAtMs.set(client, nowMs);
    client.query('discard plans').catch(() => undefined);
  }

  return {
    async take() {
      await turns.take();
      try {
        const kept = idle.pop();
        if (!kept) return await connect();
        planAnew(kept);
        return kept;
      } catch (error) {
        turns.give();
        throw error;
      }
    },
    give(client) {
      if (open.has(client)) idle.push(client);
      turns.give();
    },
    destroy,
    isOpen: (client) => open.has(client),
    async endHolder(waitingPid) {
      await pool.query(END_HOLDER, [waitingPid]);
    },
    async close() {
      const all = [...open];
      const ended = Promise.all(all.map((client) => client.end().catch(() => undefined)));
      await Promise.race([ended, sleep(CLOSE_MS, undefined, { ref: false })]);
      for (const client of all) destroy(client);
    },
  };
}

/** At most so many at once; who comes later waits, in order. */
function queueOfTurns(most: number): { take(): Promise<void>; give(): void } {
  const waiting: (() => void)[] = [];
  let free = most;
  return {
    async take() {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    },
    give() {
      const next = waiting.shift();
      if (next) next();
      else free++;
    },
  };
}
