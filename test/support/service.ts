/** The whole service in this process, on a database of its own, spoken to over HTTP as a backend does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { loadSettings } from '../../src/config/settings.js';
import { type Service, startService } from '../../src/service.js';
import { freshRecord, type TestDatabase } from './postgres.js';

export const CLIENT = { id: 'backend', secret: 'backend-secret-0123456789' };

export interface Answer {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what the wire says, typed or not
  body: any;
}

export interface TestService {
  service: Service;
  database: TestDatabase;
  url: string;
  /** As the client of the bootstrapped test program `acme`. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  token(clientId?: string, secret?: string): Promise<string>;
  stop(): Promise<void>;
}

export interface TestServiceOptions {
  /** A policy document, or what is laid over an empty one. */
  policy?: object | string;
  /** Another instance on the same record shares it. */
  database?: TestDatabase;
  env?: Record<string, string>;
  program?: string;
}

/** Limits as `[id, subject, types, metric, window, cap, more]`; hard unless `more` has an `onBreach`. */
export type LimitRow = [string, string, string[], string, string, number, object?];
export const policyWith = (limits: LimitRow[], more: object = {}): object => ({
  version: 1,
  maxOpenHolds: 5000,
  ...more,
  limits: limits.map(([id, subject, types, metric, window, cap, extra = {}]) => ({
    id,
    subject,
    types,
    metric,
    window,
    cap,
    kind: 'onBreach' in extra ? 'soft' : 'hard',
    reason: `limit ${id}`,
    ...extra,
  })),
});

export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const database = options.database ?? (await freshRecord());
  const directory = mkdtempSync(join(tmpdir(), 'pointguard-service-'));
  const policyFile = join(directory, 'policy.yaml');
  const policy = options.policy ?? { version: 1 };
  writeFileSync(policyFile, typeof policy === 'string' ? policy : JSON.stringify(policy));
  const settings = loadSettings({
    DATABASE_URL: database.serviceUrl,
    MIGRATION_DATABASE_URL: database.ownerUrl,
    DATA_DIR: directory,
    MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    POLICY_FILE: policyFile,
    BOOTSTRAP_PROGRAM: options.program ?? 'acme',
    BOOTSTRAP_CLIENT_ID: CLIENT.id,
    BOOTSTRAP_CLIENT_SECRET: CLIENT.secret,
    ...options.env,
  });
  const service = await startService({ settings: { ...settings, port: 0 }, logger: pino({ level: 'silent' }) });
  const { url } = service;
  const token = async (clientId = CLIENT.id, secret = CLIENT.secret): Promise<string> => {
    const answer = await fetch(`${url}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    if (!answer.ok) throw new Error(`no token: ${answer.status}`);
    return ((await answer.json()) as { access_token: string }).access_token;
  };
  const bearer = await token();
  const call: TestService['call'] = async (method, path, body, headers = {}) => {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${bearer}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : parsed(text) };
  };
  return {
    service,
    database,
    url,
    call,
    post: (path, body, headers) => call('POST', path, body, headers),
    get: (path, headers) => call('GET', path, undefined, headers),
    token,
    async stop() {
      await service.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

let counter = 0;
/** A valid decision request with a fresh transaction id. */
export const transaction = (more: object = {}) => ({
  transactionId: `t-${process.pid}-${++counter}`,
  accountId: `a-${counter}`,
  type: 'burn',
  points: 100,
  ...more,
});
