/**
 * The command line's client of the HTTP API: client credentials, keep-alive, and the patience of a good integrator
 * (429 and 503 with Retry-After, and lost connections, are asked again under the same id). It stands on `node:http`,
 * since `fetch` costs more CPU per request than the request itself.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlainFailure } from './plain-failure.js';

/** Where a service is, and as whom to speak to it. */
export interface ServiceAddress {
  url: string;
  clientId: string;
  clientSecret: string;
}

/** A service that runs inside this process until it is stopped. */
export interface EmbeddedService extends ServiceAddress {
  stop(): Promise<void>;
}

/** What a command needs of its context to have a service of its own. */
export interface EmbeddedServices {
  serveEmbedded(options?: { port?: number; keepServing?: boolean }): Promise<EmbeddedService>;
}

export interface ApiAnswer {
  status: number;
  /** The parsed JSON, or undefined where the answer was none. */
  body: unknown;
  /** Of the request that was answered, without the waits before it. */
  tookMs: number;
}

type Method = 'GET' | 'POST';
type Headers = Readonly<Record<string, string>>;

export interface ApiClient {
  /** Gets the first token, without patience: a wrong address or secret is told at once. Throws a `PlainFailure`. */
  signIn(): Promise<void>;
  /**
   * Any answer but those asked again; a `PlainFailure` where none comes within a minute or the client is refused.
   * The request may be sent twice, so it must be one that can be repeated.
   */
  call(method: Method, path: string, body?: unknown, headers?: Headers): Promise<ApiAnswer>;
  close(): void;
}

export interface ApiClientOptions {
  /** How long one call is asked again. */
  patienceMs?: number;
  maxConnections?: number;
}

const PATIENCE_MS = 60_000;
/** Above the decision's deadline (2 s) by far: whoever is silent for so long is gone. */
const SILENCE_MS = 30_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** A token is renewed a minute, or a fifth of its life, before it ends. */
const RENEW_BEFORE_SECONDS = 60;
const RENEW_BEFORE_SHARE = 0.2;
const PAUSES_MS = [100, 200, 500, 1000, 2000];

interface Exchange {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: unknown;
  tookMs: number;
}

/** No answer came: the reason as Node names it (`ECONNREFUSED`). Whether the request arrived is open. */
interface Lost {
  lost: string;
}

type Send = (method: Method, path: string, body: string | undefined, headers: Headers) => Promise<Exchange | Lost>;

/** A client for one service. Throws a `PlainFailure` where the address is none. */
export function createApiClient(address: ServiceAddress, options: ApiClientOptions = {}): ApiClient {
  const base = parseBase(address.url);
  const { send, close } = openTransport(base, options.maxConnections ?? 16);
  const place = `the service at ${base.origin}`;
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  const tokens = tokenSource(address, send, place);

  async function call(method: Method, path: string, body?: unknown, headers: Headers = {}): Promise<ApiAnswer> {
    const json = body === undefined ? undefined : JSON.stringify(body);
    let refusedOnce = false;
    return persist(patienceMs, place, async (untilMs) => {
      const token = await tokens.current(untilMs);
      const answer = await send(method, path, json, {
        ...headers,
        ...(json !== undefined && { 'content-type': 'application/json' }),
        authorization: `Bearer ${token}`,
      });
      if ('lost' in answer || answer.status !== 401) return answer;
      if (refusedOnce) throw new PlainFailure(`${capital(place)} no longer accepts this client.`);
      refusedOnce = true;
      tokens.forget(token);
      return 'again';
    });
  }
  return { signIn: () => tokens.signIn(), call, close };
}

/** The `code` and `detail` of a problem (RFC 9457), or the bare status. */
export function problemOf(answer: ApiAnswer): { code: string; detail: string } {
  const body = isRecord(answer.body) ? answer.body : {};
  return {
    code: typeof body['code'] === 'string' ? body['code'] : `http.${answer.status}`,
    detail: typeof body['detail'] === 'string' ? body['detail'] : `it answered ${answer.status}`,
  };
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function parseBase(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (!base || !['http:', 'https:'].includes(base.protocol)) {
    throw new PlainFailure('The url of the service must look like https://host or http://host:port.');
  }
  // A secret in a URL ends up in shell histories, process lists and proxies' logs.
  if (base.username || base.password) {
    throw new PlainFailure('The url of the service must not hold credentials: give --client-id and --client-secret.');
  }
  return base;
}

/** Asks again until an answer comes that does not ask to come back, or patience ends: then that answer, or a failure. */
async function persist(
  patienceMs: number,
  place: string,
  once: (untilMs: number) => Promise<Exchange | Lost | 'again'>,
): Promise<Exchange> {
  const untilMs = performance.now() + patienceMs;
  for (let attempt = 0; ; attempt++) {
    const answer = await once(untilMs);
    if (answer === 'again') continue;
    const waitMs = waitBeforeNextMs(answer, attempt);
    if (waitMs === undefined) return answer as Exchange;
    if (performance.now() + waitMs > untilMs) {
      if (!('lost' in answer)) return answer;
      const waited = patienceMs >= 1000 ? ` for ${Math.round(patienceMs / 1000)} s` : '';
      throw new PlainFailure(`${capital(place)} has not answered${waited} (${answer.lost}).`);
    }
    await sleep(waitMs);
  }
}

/** How long to wait before asking again, or undefined where this answer stands. */
function waitBeforeNextMs(answer: Exchange | Lost, attempt: number): number | undefined {
  const pauseMs = PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)] ?? 0;
  if ('lost' in answer) return pauseMs;
  if (answer.status !== 429 && answer.status !== 503) return undefined;
  const asked = answer.headers['retry-after'];
  return asked === undefined ? undefined : (retryAfterMs(asked, Date.now()) ?? pauseMs);
}

/** RFC 9110 §10.2.3: seconds, or a date. */
export function retryAfterMs(text: string, nowMs: number): number | undefined {
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

interface TokenSource {
  signIn(): Promise<void>;
  current(untilMs: number): Promise<string>;
  forget(token: string): void;
}

function tokenSource(address: ServiceAddress, send: Send, place: string): TokenSource {
  let token: { value: string; renewAtMs: number } | undefined;
  let renewal: Promise<string> | undefined;
  // The secret goes in the form: whether Basic wants it URL-encoded first (RFC 6749 §2.3.1) is read both ways.
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: address.clientId,
    client_secret: address.clientSecret,
  }).toString();
  const ask = () => send('POST', '/oauth/token', form, { 'content-type': 'application/x-www-form-urlencoded' });

  function keep(answer: Exchange): string {
    token = readToken(answer, place);
    return token.value;
  }
  return {
    async signIn() {
      const answer = await ask();
      if ('lost' in answer)
        throw new PlainFailure(`Nothing answers at ${place.slice('the service at '.length)} (${answer.lost}).`);
      // Only who is told to come back does: the first token is as throttled as any.
      keep(waitBeforeNextMs(answer, 0) === undefined ? answer : await persist(PATIENCE_MS, place, ask));
    },
    async current(untilMs) {
      if (token && performance.now() < token.renewAtMs) return token.value;
      renewal ??= persist(Math.max(0, untilMs - performance.now()), place, ask)
        .then(keep)
        .finally(() => {
          renewal = undefined;
        });
      return renewal;
    },
    forget(value) {
      if (token?.value === value) token = undefined;
    },
  };
}

function readToken(answer: Exchange, place: string): { value: string; renewAtMs: number } {
  const body = isRecord(answer.body) ? answer.body : {};
  if (answer.status === 401 || body['error'] === 'invalid_client') {
    throw new PlainFailure(`${capital(place)} refuses these credentials: the client id or the secret is wrong.`);
  }
  const value = body['access_token'];
  if (answer.status !== 200 || typeof value !== 'string') {
    throw new PlainFailure(
      `${capital(place)} gave no access token: it answered ${answer.status}. Is it a Pointguard service?`,
    );
  }
  const livesSeconds = typeof body['expires_in'] === 'number' ? body['expires_in'] : 0;
  const earlySeconds = Math.min(RENEW_BEFORE_SECONDS, livesSeconds * RENEW_BEFORE_SHARE);
  return { value, renewAtMs: performance.now() + (livesSeconds - earlySeconds) * 1000 };
}

function openTransport(base: URL, maxConnections: number): { send: Send; close: () => void } {
  const driver = base.protocol === 'https:' ? https : http;
  const agent = new driver.Agent({ keepAlive: true, maxSockets: maxConnections });
  const prefix = base.pathname.replace(/\/+$/, '');

  const send: Send = (method, path, body, headers) =>
    new Promise((resolve) => {
      const startMs = performance.now();
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
      const place = { protocol: base.protocol, hostname: base.hostname.replace(/^\[|\]$/g, ''), port: base.port };
      const request = driver.request(
        {
          ...place,
          agent,
          method,
          path: prefix + path,
          headers: { accept: 'application/json', ...headers, ...length },
        },
        (response) => void collect(response, startMs).then(resolve, lose),
      );
      const lose = (error: unknown) => {
        request.destroy();
        resolve({ lost: reasonOf(error) });
      };
      request.setTimeout(SILENCE_MS, () => lose({ code: 'ETIMEDOUT' }));
      request.on('error', lose);
      request.end(body);
    });
  return { send, close: () => agent.destroy() };
}

async function collect(response: http.IncomingMessage, startMs: number): Promise<Exchange> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError('the answer is too large');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: parseJson(text),
    tookMs: performance.now() - startMs,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a proxy's page of HTML, or nothing
  }
}

const reasonOf = (error: unknown): string =>
  isRecord(error) && typeof error['code'] === 'string' ? error['code'] : 'the connection was lost';
