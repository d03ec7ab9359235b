/**
 * The load generator, a process of its own: raw sockets and requests made in advance, so that it takes little of the
 * processor that it shares with what it measures.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { bodiesOf, ID_LENGTH, idOffset, type Population } from './requests.js';

export interface Target {
  port: number;
  path: string;
  token: string;
  population: Population;
}

/** `closed`: each connection sends when it was answered. `open`: so many a second, however long answers take. */
export interface Job {
  /** Instances of one contender; connections are spread over them. */
  targets: readonly Target[];
  seconds: number;
  connections: number;
  perSecond?: number;
}

export interface Load {
  completed: number;
  seconds: number;
  /** Answers by status. */
  statuses: Record<string, number>;
  /** With an open loop from the moment at which it was to be sent. */
  p50Ms: number;
  p99Ms: number;
}

/** Of a large population many more, so that few accounts come twice. */
const bodyCount = ({ accounts }: Population): number => (accounts > 100_000 ? 200_000 : 20_000);
const HEADER_END = Buffer.from('\r\n\r\n');

interface Prepared {
  requests: { bytes: Buffer; idAt: number }[];
  next: number;
}

const prepared = new Map<string, Prepared>();
// ids of this run, whatever ran on the same record before
let transactions = Date.now() * 1000;

function prepare(target: Target): Prepared {
  const key = JSON.stringify(target);
  let found = prepared.get(key);
  if (!found) {
    const { path, port, token, population } = target;
    const requests = bodiesOf(population, bodyCount(population)).map((body) => {
      const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
      return { bytes: Buffer.from(head + body), idAt: head.length + idOffset(body) };
    });
    found = { requests, next: 0 };
    prepared.set(key, found);
  }
  return found;
}

/** The next request under an id of its own. Its bytes are used again after 20,000 others: long since sent. */
function nextRequest(of: Prepared): Buffer {
  const { bytes, idAt } = of.requests[of.next++ % of.requests.length]!;
  bytes.write(String(++transactions).padStart(ID_LENGTH, 'b'), idAt, 'latin1');
  return bytes;
}

type Answered = (status: string) => void;

/** One keep-alive connection with at most one request under way. */
class Connection {
  private pending: Answered | undefined;
  private received: Buffer = Buffer.alloc(0);
  private constructor(
    private readonly socket: Socket,
    private readonly requests: Prepared,
  ) {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.hear(chunk));
    socket.on('error', () => this.lost());
    socket.on('close', () => this.lost());
  }

  static open(target: Target): Promise<Connection> {
    const requests = prepare(target);
    return new Promise((resolve, reject) => {
      const socket = connect(target.port, '127.0.0.1', () => resolve(new Connection(socket, requests)));
      socket.once('error', reject);
    });
  }

  /** Sends its target's next request. */
  send(answered: Answered): void {
    this.pending = answered;
    this.socket.write(nextRequest(this.requests));
  }

  private hear(chunk: Buffer): void {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    const headerEnd = this.received.indexOf(HEADER_END);
    if (headerEnd < 0) return;
    const head = this.received.toString('latin1', 0, headerEnd).toLowerCase();
    const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(length)) throw new Error(`an answer without its length: ${head}`);
    if (this.received.length < headerEnd + 4 + length) return;
    this.received = Buffer.alloc(0);
    this.answer(head.slice(9, 12));
  }

  private lost(): void {
    this.answer('lost');
  }

  private answer(status: string): void {
    const { pending } = this;
    this.pending = undefined;
    pending?.(status);
  }

  close(): void {
    this.socket.destroy();
  }
}

class Tally {
  private readonly latencies: number[] = [];
  private readonly statuses: Record<string, number> = {};
  private readonly startedMs = performance.now();

  add(status: string, sinceMs: number): void {
    this.latencies.push(performance.now() - sinceMs);
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
  }

  result(): Load {
    const seconds = (performance.now() - this.startedMs) / 1000;
    const sorted = this.latencies.sort((a, b) => a - b);
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
    return { completed: sorted.length, seconds, statuses: this.statuses, p50Ms: at(0.5), p99Ms: at(0.99) };
  }
}

async function closedLoop({ seconds }: Job, connections: Connection[]): Promise<Load> {
  const tally = new Tally();
  const untilMs = performance.now() + seconds * 1000;
  await Promise.all(
    connections.map(
      (connection) =>
        new Promise<void>((done) => {
          const once = () => {
            const sentMs = performance.now();
            connection.send((status) => {
              tally.add(status, sentMs);
              if (performance.now() < untilMs && status !== 'lost') once();
              else done();
            });
          };
          once();
        }),
    ),
  );
  return tally.result();
}

async function openLoop({ targets, seconds, perSecond = 1 }: Job, idle: Connection[]): Promise<Load> {
  const tally = new Tally();
  const total = Math.round(seconds * perSecond);
  const startMs = performance.now() + 10;
  const answers: Promise<void>[] = [];
  for (let n = 0; n < total; n++) {
    const dueMs = startMs + (n * 1000) / perSecond;
    await until(dueMs);
    const connection = idle.shift() ?? (await Connection.open(targetOf(targets, n)));
    const answer = new Promise<void>((done) => {
      connection.send((status) => {
        tally.add(status, dueMs);
        if (status !== 'lost') idle.push(connection);
        done();
      });
    });
    answers.push(answer);
  }
  await Promise.all(answers);
  return tally.result();
}

/** Timers are good to a millisecond; the rest is waited for turn by turn. */
async function until(dueMs: number): Promise<void> {
  const restMs = dueMs - performance.now();
  if (restMs > 1.5) await sleep(Math.floor(restMs - 1));
  while (performance.now() < dueMs) await new Promise((resolve) => setImmediate(resolve));
}

const targetOf = (targets: readonly Target[], n: number): Target => targets[n % targets.length] as Target;

async function perform(job: Job): Promise<Load> {
  const connections = await Promise.all(
    Array.from({ length: job.connections }, (_, n) => Connection.open(targetOf(job.targets, n))),
  );
  const all = [...connections];
  const load = await (job.perSecond === undefined ? closedLoop : openLoop)(job, connections);
  for (const connection of new Set([...all, ...connections])) connection.close();
  return load;
}

process.on('message', (job: Job) => {
  perform(job).then(
    (load) => process.send?.(load),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
