/** The `.http` files of the documentation, run as they are against the service. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENT, startTestService, type TestService } from '../../support/service.js';
import { at, fillIn, readHttpFile, textOf } from './http-file.js';

const FOLDER = new URL('../../../docs/http/', import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.http'));

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(async () => {
  await service.stop();
});

test('there are files', () => {
  expect(files).toContain('decisions.http');
});

describe.each(files)('%s', (name) => {
  const { variables, requests } = readHttpFile(readFileSync(new URL(name, FOLDER), 'utf8'));
  const bodies = new Map<string, unknown>();
  const fill = (text: string) =>
    fillIn(text, { ...variables, host: service.url, clientId: CLIENT.id, clientSecret: CLIENT.secret }, bodies);

  test.each(requests.map((request) => [request.title, request] as const))('%s', async (_title, request) => {
    const answer = await fetch(fill(request.url), {
      method: request.method,
      headers: request.headers.map(([header, value]) => [header, fill(value)] as [string, string]),
      body: request.body && fill(request.body),
    });
    const body: unknown = await answer.json();
    if (request.name) bodies.set(request.name, body);
    const [, status = '', values = ''] = /^(\d{3})(?:: (.+))?$/.exec(fill(request.expected)) ?? [];
    expect({ status: answer.status, body }).toMatchObject({ status: Number(status) });
    for (const pair of values.split(' ').filter((one) => one !== '')) {
      const [path = '', value] = pair.split('=', 2);
      expect(`${path}=${textOf(at(body, path))}`).toBe(`${path}=${value}`);
    }
  });
});
