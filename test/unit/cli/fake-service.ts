/** A small real HTTP server that speaks enough of the API to see what a client sends, when, and how many at once. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const CLIENT = { clientId: 'tester', clientSecret: 'correct horse' };

export interface SeenDecision {
  request: Record<string, unknown>;
  /** The program's clock when it was decided. */
  atMs: number;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** Ends the connection instead of answering. */
  hangUp?: boolean;
}

export interface FakeService {
  url: string;
  decisions: SeenDecision[];
  clockMoves: string[];
  tokens: number;
  mostAtOnce: number;
  /** Two rows of one account under way at once. */
  overlaps: number;
  /** Answers instead of deciding, where it returns one. */
  interfere?: (path: string, body: Record<string, unknown>) => Answer | undefined;
  tokenLivesSeconds: number;
  /** Tokens handed out so far are no longer taken. */
  forgetTokens(): void;
  live: boolean;
  clockMs: number;
  began: boolean;
  delayMs: () => number;
  stop(): Promise<void>;
}

export async function startFakeService(): Promise<FakeService> {
  const valid = new Set<string>();
  const busy = new Map<string, number>();
  let atOnce = 0;
  const service: FakeService = {
    url: '',
    decisions: [],
    clockMoves: [],
    tokens: 0,
    mostAtOnce: 0,
    overlaps: 0,
    tokenLivesSeconds: 900,
    forgetTokens: () => valid.clear(),
    live: false,
    clockMs: Date.now(),
    began: false,
    delayMs: () => 0,
    stop: () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections())),
  };

  const token = (form: URLSearchParams): Answer => {
    if (form.get('client_id') !== CLIENT.clientId || form.get('client_secret') !== CLIENT.clientSecret) {
      return { status: 401, body: { error: 'invalid_client' } };
    }
    const value = `token-${++service.tokens}`;
    valid.add(value);
    return { status: 200, body: { access_token: value, token_type: 'Bearer', expires_in: service.tokenLivesSeconds } };
  };

  const clock = (body: Record<string, unknown>): Answer => {
    if (service.live) return problem(403, 'test.live_program');
    if ('now' in body) {
      service.clockMoves.push(String(body['now']));
      const atMs = Date.parse(String(body['now']));
      if (service.began && atMs < service.clockMs) return problem(422, 'test.clock_backwards');
      service.clockMs = atMs;
    }
    return { status: 200, body: { now: new Date(service.clockMs).toISOString() } };
  };

  const dryRun = (): Answer =>
    service.live ? problem(403, 'test.live_program') : { status: 200, body: { outcome: 'allow' } };

  const decide = async (request: Record<string, unknown>): Promise<Answer> => {
    const account = String(request['accountId']);
    service.mostAtOnce = Math.max(service.mostAtOnce, ++atOnce);
    busy.set(account, (busy.get(account) ?? 0) + 1);
    if ((busy.get(account) ?? 0) > 1) service.overlaps++;
    await sleep(service.delayMs());
    atOnce--;
    busy.set(account, (busy.get(account) ?? 1) - 1);
    service.began = true;
    service.decisions.push({ request, atMs: service.clockMs });
    return { status: 201, body: { ...request, outcome: 'allow', reasons: [] } };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = await bodyOf(request);
    const path = request.url ?? '';
    const isToken = path === '/oauth/token';
    const body = isToken || text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const bearer = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const answer =
      service.interfere?.(path, body) ??
      (isToken ? token(new URLSearchParams(text)) : undefined) ??
      (valid.has(bearer) ? undefined : problem(401, 'auth.token')) ??
      (path === '/v1/test/clock' ? clock(body) : undefined) ??
      (path === '/v1/decisions?dryRun=true' ? dryRun() : undefined) ??
      (path === '/v1/decisions' ? await decide(body) : problem(404, 'route.not_found'));
    if (answer.hangUp) return void request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(JSON.stringify(answer.body ?? {}));
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return service;
}

export const problem = (status: number, code: string, headers: Record<string, string> = {}): Answer => ({
  status,
  headers,
  body: { code, detail: `detail of ${code}`, status },
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
