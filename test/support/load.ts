/**
 * Backends that use the service through faults, as backends should: what got no answer is repeated with the same id.
 * They keep a history of all they were answered, and `historyViolations` compares it with the record.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RenderedDecision } from '../../src/decision/core/render.js';
import type { TestDatabase } from './postgres.js';
import { CLIENT, policyWith } from './service.js';

/** Limits that are all reached under this load: hard ones, hot ones, one on who is told apart; holds that time ends. */
export const LOAD_POLICY = policyWith(
  [
    ['account-points', 'account', ['burn'], 'points', 'PT1H', 4000],
    ['account-count', 'account', ['burn', 'transfer'], 'count', 'PT10S', 12],
    ['store-count', 'store', ['burn'], 'count', 'PT5S', 150],
    ['device-accounts', 'device', ['burn'], 'distinct', 'PT1M', 4, { distinctOf: 'account' }],
    ['program-points', 'program', ['burn'], 'points', 'PT10S', 300_000],
  ],
  { holdTtl: 'PT2S', onHoldEnd: 'release' },
);

interface Told {
  call: 'decide' | 'commit' | 'cancel' | 'reverse';
  transactionId: string;
  reversalId?: string;
  status: number;
  body: RenderedDecision;
}

export interface Load {
  /** Every answer of 2xx. */
  told: Told[];
  /** How many requests got no answer, or one of 503, and were repeated. */
  repeated: number;
  /** Answers that no fault explains. */
  unexpected: string[];
  /** When the last answer of 2xx came, ms of `performance.now()`. */
  lastToldMs: number;
  /** Answers of each instance, by its URL. */
  toldBy: Map<string, number>;
  /** Nothing new; what was asked is repeated until it is answered. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  /** Where to ask now; a worker takes the next at each try. */
  urls: () => readonly string[];
  workers?: number;
  /** A caller's own patience, ms: a little more than the service's deadline. */
  timeoutMs?: number;
}

export function startLoad({ urls, workers = 16, timeoutMs = 3000 }: LoadOptions): Load {
  const end = { came: false };
  let tries = 0;
  const tokens = new Map<string, string>();
  const load: Load = {
    told: [],
    repeated: 0,
    unexpected: [],
    lastToldMs: performance.now(),
    toldBy: new Map(),
    async stop() {
      end.came = true;
      await Promise.all(running);
    },
  };

  /** Asks until there is an answer that is one: 2xx, or a refusal. */
  async function insist(path: string, body: object): Promise<{ status: number; body: RenderedDecision } | undefined> {
    for (let left = 400; left > 0; left--) {
      const all = urls();
      const url = all[tries++ % Math.max(1, all.length)];
      const answer = url === undefined ? undefined : await ask(url, path, body).catch(() => undefined);
      if (url !== undefined && answer && answer.status < 300) {
        load.lastToldMs = performance.now();
        load.toldBy.set(url, (load.toldBy.get(url) ?? 0) + 1);
        return answer;
      }
      // a hold that time ended while nobody could be asked takes no cancel
      if (answer?.status === 409 && path.endsWith('/cancel')) return undefined;
      if (answer && answer.status !== 503 && answer.status !== 401) {
        load.unexpected.push(
          `${path.replace(/dec_\w+/, 'dec')}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`,
        );
        return undefined;
      }
      load.repeated++;
      await sleep(25);
    }
    load.unexpected.push(`${path} was never answered`);
    return undefined;
  }

  async function ask(url: string, path: string, body: object) {
    const token = tokens.get(url) ?? (await tokenOf(url));
    const answer = await fetch(url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (answer.status === 401) tokens.delete(url);
    return { status: answer.status, body: (await answer.json()) as RenderedDecision };
  }

  async function tokenOf(url: string): Promise<string> {
    const answer = await fetch(`${url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!answer.ok) throw new Error(`no token: ${answer.status}`);
    const { access_token: token } = (await answer.json()) as { access_token: string };
    tokens.set(url, token);
    return token;
  }

  async function decide(worker: number, turn: number): Promise<void> {
    const transactionId = `w${worker}-${turn}-${process.pid}`;
    const account = (worker * 7 + turn) % 15;
    const made = await insist('/v1/decisions', {
      transactionId,
      accountId: `account-${account}`,
      type: 'burn',
      points: 10 + ((turn * 37) % 200),
      storeId: `store-${account % 3}`,
      device: { id: `device-${(account + (turn % 9 === 0 ? 1 : 0)) % 3}` },
    });
    if (!made) return;
    load.told.push({ call: 'decide', transactionId, ...made });
    if (made.body.outcome !== 'deny') await goOn(transactionId, made.body.decisionId, turn);
  }

  /** One in four is left to time. */
  async function goOn(transactionId: string, decisionId: string, turn: number): Promise<void> {
    const path = `/v1/decisions/${decisionId}`;
    if (turn % 4 === 1) {
      const cancelled = await insist(`${path}/cancel`, {});
      if (cancelled) load.told.push({ call: 'cancel', transactionId, ...cancelled });
    }
    if (turn % 4 < 2) return;
    const committed = await insist(`${path}/commit`, {});
    if (!committed) return;
    load.told.push({ call: 'commit', transactionId, ...committed });
    if (turn % 4 < 3) return;
    const reversalId = `r-${transactionId}`;
    const reversed = await insist(`${path}/reverse`, { reversalId, points: 5, reason: 'returned' });
    if (reversed) load.told.push({ call: 'reverse', transactionId, reversalId, ...reversed });
  }

  const running = Array.from({ length: workers }, async (_, worker) => {
    for (let turn = 0; !end.came; turn++) {
      await decide(worker, turn);
      await sleep(5);
    }
  });
  return load;
}

const LEAVES: Record<Told['call'], readonly string[]> = {
  decide: ['decision.made'],
  commit: ['decision.committed', 'decision.late_commit'],
  cancel: ['decision.cancelled'],
  reverse: ['decision.reversed'],
};

/** What callers were told and the record does not know, or knows otherwise, or did twice. */
export async function historyViolations(query: TestDatabase['query'], load: Load): Promise<string[]> {
  const rows = await query<{ type: string; data: string }>('select type, data from pointguard.event order by seq');
  const events = rows.map(({ type, data }) => ({ type, decision: JSON.parse(data) as RenderedDecision }));
  const stories = Map.groupBy(events, ({ decision }) => decision.transactionId);
  const found = [...load.unexpected];
  for (const told of load.told) {
    const story = (stories.get(told.transactionId) ?? []).filter(({ type }) => LEAVES[told.call].includes(type));
    const [only] = story;
    if (!only || story.length !== 1) {
      found.push(
        `${told.transactionId}: ${told.call} was answered ${told.status}, the record has it ${story.length} times`,
      );
      continue;
    }
    for (const member of ['decisionId', 'outcome', 'evaluatedAt', 'points'] as const) {
      if (only.decision[member] !== told.body[member]) {
        found.push(
          `${told.transactionId}: ${told.call} answered ${member} ${told.body[member]}, recorded ${only.decision[member]}`,
        );
      }
    }
  }
  return found;
}
