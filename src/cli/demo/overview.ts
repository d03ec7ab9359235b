/** What the record holds of the demo's decisions, gathered from the list that any client can read. */
import { type ApiClient, isRecord } from '../api-client.js';
import { CONSEQUENCES } from '../simulate/tally.js';

export interface Example {
  outcome: string;
  type: string;
  points: number;
  code: string;
  message: string;
}

export interface Overview {
  decisions: number;
  /** Outcome → status → how many. */
  counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** The newest decision of each outcome and heaviest reason. */
  examples: readonly Example[];
}

/** A demo that has run for long has thousands: the newest are enough. */
const MAX_PAGES = 10;

export async function readOverview(client: ApiClient): Promise<Overview> {
  const counts = new Map<string, Map<string, number>>();
  const examples = new Map<string, Example>();
  let decisions = 0;
  for await (const decision of listDecisions(client)) {
    decisions++;
    const [outcome, status] = [String(decision['outcome']), String(decision['status'])];
    const statuses = counts.get(outcome) ?? new Map<string, number>();
    counts.set(outcome, statuses.set(status, (statuses.get(status) ?? 0) + 1));
    const example = exampleOf(decision);
    if (example && !examples.has(`${outcome} ${example.code}`)) examples.set(`${outcome} ${example.code}`, example);
  }
  return { decisions, counts, examples: [...examples.values()] };
}

async function* listDecisions(client: ApiClient): AsyncGenerator<Record<string, unknown>> {
  let cursor = '';
  for (let page = 0; page < MAX_PAGES; page++) {
    const { body } = await client.call('GET', `/v1/decisions?limit=200${cursor}`);
    if (!isRecord(body) || !Array.isArray(body['items'])) return;
    yield* body['items'].filter(isRecord);
    if (typeof body['nextCursor'] !== 'string') return;
    cursor = `&cursor=${encodeURIComponent(body['nextCursor'])}`;
  }
}

function exampleOf(decision: Record<string, unknown>): Example | undefined {
  if (decision['outcome'] === 'allow' || !Array.isArray(decision['reasons'])) return undefined;
  const reasons = decision['reasons'].filter(isRecord);
  const reason = reasons.find(({ code }) => !CONSEQUENCES.includes(String(code))) ?? reasons[0];
  if (!reason) return undefined;
  return {
    outcome: String(decision['outcome']),
    type: String(decision['type']),
    points: Number(decision['points']),
    code: String(reason['code']),
    message: String(reason['message']),
  };
}
