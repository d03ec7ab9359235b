import pg from 'pg';

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

export interface LaneConnections {
  /** A connection that is nobody else's until it is given back or destroyed. */
  take(): Promise<pg.Client>;
  give(client: pg.Client): void;
  destroy(client: pg.Client): void;
  /** Ends whoever holds what this backend waits for: the only thing that ends a backend blocked by a frozen client. */
  endHolder(waitingPid: number): Promise<void>;
  close(): Promise<void>;
}

export function laneConnections(service: pg.ClientConfig, pool: pg.Pool): LaneConnections {
  const idle: pg.Client[] = [];
  const all = new Set<pg.Client>();

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({
      ...service,
      pipeline: true,
      types: RAW,
      connectionTimeoutMillis: 2000,
      application_name: 'pointguard lane',
    } as pg.ClientConfig);
    client.on('error', () => destroy(client));
    await client.connect();
    all.add(client);
    await client.query(SESSION);
    return client;
  }

  function destroy(client: pg.Client): void {
    all.delete(client);
    const at = idle.indexOf(client);
    if (at >= 0) idle.splice(at, 1);
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  return {
    take: async () => idle.pop() ?? (await connect()),
    give: (client) => {
      if (all.has(client)) idle.push(client);
    },
    destroy,
    async endHolder(waitingPid) {
      // a waiter in front of us is blocked too, and not at fault
      await pool.query(
        `select pg_terminate_backend(holder.pid) from unnest(pg_blocking_pids($1)) as holder(pid)
         join pg_stat_activity using (pid) where wait_event_type is distinct from 'Lock'`,
        [waitingPid],
      );
    },
    async close() {
      await Promise.all([...all].map((client) => client.end().catch(() => undefined)));
    },
  };
}
