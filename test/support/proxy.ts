/**
 * A TCP proxy before PostgreSQL that cuts, stalls and drops at chosen moments. It looks for one message in what the
 * client sends (a COMMIT as `pg` sends it) and for the server's answer to it.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The simple query `commit`, and the completion of one. */
const COMMIT = Buffer.from('commit\0');
const COMMITTED = Buffer.from('COMMIT\0');

/** What happens to a COMMIT. */
export type CommitFault =
  /** The connection is cut, and COMMIT never arrives. */
  | 'cut before'
  /** COMMIT is executed, then the connection is cut without its answer. */
  | 'cut after'
  /** COMMIT is executed, and no byte comes back any more; nothing says so. */
  | 'silent after'
  /** COMMIT stays in the proxy, and no byte goes or comes any more; the server keeps the transaction open. */
  | 'silent before';

export interface Proxy {
  readonly port: number;
  /** Of the next COMMITs, one a fault; then they pass. */
  faults: CommitFault[];
  /** Called when a COMMIT was executed whose answer is kept back, before the connection is cut. */
  onExecuted: () => Promise<void>;
  /** How many COMMITs went through untouched. */
  readonly passed: number;
  /** New connections are taken, and nothing is forwarded. */
  stalled: boolean;
  /** From now on nothing is forwarded on connections that are there. */
  stallAll(): void;
  /** The same database through the proxy. */
  through(url: string): string;
  stop(): Promise<void>;
}

export async function startProxy(serverPort: number): Promise<Proxy> {
  const pairs = new Set<{ cut(): void; stall(): void }>();
  let passed = 0;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (proxy.stalled) {
      track(client);
      return;
    }
    const upstream = connect(serverPort, '127.0.0.1');
    let fault: CommitFault | undefined;
    let silent = false;
    const cut = () => {
      client.destroy();
      upstream.destroy();
    };
    const pair = {
      cut,
      stall: () => {
        silent = true;
      },
    };
    pairs.add(pair);
    for (const socket of [client, upstream]) socket.on('error', cut);
    client.on('close', () => {
      upstream.destroy();
      pairs.delete(pair);
    });
    // a frozen host does not even say goodbye to who hangs up
    client.on('end', () => {
      if (!silent) cut();
    });
    upstream.on('close', () => {
      // who is silent does not even say that the server has hung up
      if (!silent) client.destroy();
    });

    client.on('data', (data) => {
      if (silent) return;
      if (data.includes(COMMIT) && fault === undefined) {
        fault = proxy.faults.shift();
        if (fault === undefined) passed++;
        if (fault === 'cut before') cut();
        if (fault === 'silent before') pair.stall();
        if (fault?.endsWith('before')) return;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (silent) return;
      if (fault === undefined) {
        client.write(data);
        return;
      }
      // the answers to the writes before it are kept back as well, so that nothing of the batch is known
      if (!data.includes(COMMITTED)) return;
      silent = true;
      void proxy.onExecuted().finally(() => {
        if (fault === 'cut after') cut();
      });
    });
  });

  function track(socket: Socket): void {
    const pair = { cut: () => void socket.destroy(), stall: () => undefined };
    pairs.add(pair);
    socket
      .on('error', pair.cut)
      .on('close', () => pairs.delete(pair))
      .resume();
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy: Proxy = {
    port,
    faults: [],
    onExecuted: async () => undefined,
    get passed() {
      return passed;
    },
    stalled: false,
    stallAll: () => {
      for (const pair of pairs) pair.stall();
    },
    through: (url) => {
      const changed = new URL(url);
      changed.port = String(port);
      return changed.toString();
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const pair of pairs) pair.cut();
      await closed;
    },
  };
  return proxy;
}
