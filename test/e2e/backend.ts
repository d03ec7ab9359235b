/** A ledger's backend, as it speaks to the service: over HTTP, as one client, with what its tests ask for most. */
import request from 'supertest';
import { CLIENT, type TestService, transaction } from '../support/service.js';

export interface Answer {
  status: number;
  headers: Record<string, string>;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what the wire says, typed or not
  body: any;
}

export interface Backend {
  send(method: string, path: string, body?: object | string, headers?: Record<string, string>): Promise<Answer>;
  get(path: string): Promise<Answer>;
  post(path: string, body?: object | string, headers?: Record<string, string>): Promise<Answer>;
  /** A new transaction, with what is laid over it. */
  decide(more?: object, query?: string, headers?: Record<string, string>): Promise<Answer>;
  /** A new transaction with the outcome that the test asks for. */
  decideAs(outcome: string, more?: object): Promise<Answer>;
  commit(decisionId: string, body?: object): Promise<Answer>;
  cancel(decisionId: string): Promise<Answer>;
  reverse(decisionId: string, body: object): Promise<Answer>;
  find(decisionId: string, query?: string): Promise<Answer>;
  /** Puts the program's clock there (RFC 3339), or on by a duration (ISO 8601). */
  clock(to: string): Promise<Answer>;
  /** How much of a limit on count or points is used, by a dry run of one more point. */
  used(limitId: string, more: object): Promise<number>;
}

export async function backendOf(service: TestService, clientId = CLIENT.id, secret = CLIENT.secret): Promise<Backend> {
  const token = await service.token(clientId, secret);
  const send: Backend['send'] = async (method, path, body, headers = {}) => {
    const verb = method.toLowerCase() as 'get' | 'post';
    const call = request(service.url)[verb](path).auth(token, { type: 'bearer' }).set(headers);
    const answer = await (body === undefined ? call : call.send(body));
    return { status: answer.status, headers: answer.headers, body: answer.body };
  };
  const post: Backend['post'] = (path, body, headers) => send('POST', path, body, headers);
  const get: Backend['get'] = (path) => send('GET', path);
  const on = (decisionId: string, call: string, body?: object) => post(`/v1/decisions/${decisionId}/${call}`, body);
  const decide: Backend['decide'] = (more = {}, query = '', headers = {}) =>
    post(`/v1/decisions${query}`, transaction(more), headers);
  return {
    send,
    get,
    post,
    decide,
    decideAs: (outcome, more) => decide(more, '', { 'pointguard-test-outcome': outcome }),
    commit: (decisionId, body) => on(decisionId, 'commit', body),
    cancel: (decisionId) => on(decisionId, 'cancel'),
    reverse: (decisionId, body) => on(decisionId, 'reverse', { reason: 'returned', ...body }),
    find: (decisionId, query = '') => get(`/v1/decisions/${decisionId}${query}`),
    clock: (to) => post('/v1/test/clock', to.startsWith('P') ? { advance: to } : { now: to }),
    async used(limitId, more) {
      const { status, body } = await decide({ points: 1, ...more }, '?dryRun=true&include=limits');
      const limit = body.limits?.find(({ id }: { id: string }) => id === limitId);
      if (status !== 200 || !limit) throw new Error(`no limit ${limitId} in ${status} ${JSON.stringify(body)}`);
      // a dry run counts itself where it is not denied
      return limit.used - (body.outcome === 'deny' ? 0 : 1);
    },
  };
}
