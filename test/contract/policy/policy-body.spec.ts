/** Bodies that only a policy may have: YAML, and more than 64 KiB. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestService, type TestService, transaction } from '../../support/service.js';

let service: TestService;

beforeAll(async () => {
  service = await startTestService();
});

afterAll(() => service?.stop());

const YAML = { 'content-type': 'application/yaml' };
const post = (text: string, headers: Record<string, string> = YAML) =>
  service.post('/v1/policy/versions', text, headers);

it('YAML is kept as it was sent, and its places are those of the text', async () => {
  const text = '# ours\nversion: 1\nmode: observe   # for a week\n';
  const { status, body } = await post(text);
  expect(status).toBe(201);
  await service.post(`/v1/policy/versions/${body.version}/activate`);
  expect((await service.get('/v1/policy')).body.document).toBe(text);
  const wrong = await post('version: 1\nlimits:\n  - id: a\n    cap: 0\n', {
    'content-type': 'application/yaml; charset=utf-8',
  });
  expect(wrong.body.errors).toContainEqual(expect.objectContaining({ pointer: '/limits/0/cap', line: 4, column: 10 }));
});

it('a document may have 256 KiB, as YAML and as JSON; other bodies stay at 64 KiB', async () => {
  const long = 'x'.repeat(200 * 1024);
  expect((await post(`version: 1 # ${long}\n`)).status).toBe(201);
  expect((await service.post('/v1/policy/versions', { document: `version: 1 # ${long}` })).status).toBe(201);
  expect((await post(`version: 1 # ${'x'.repeat(257 * 1024)}\n`)).body.code).toBe('request.too_large');
  expect((await service.post('/v1/decisions', transaction({ channel: long }))).body.code).toBe('request.too_large');
});

it('YAML is a policy only, and text that is no UTF-8 is none', async () => {
  expect((await service.post('/v1/decisions', 'transactionId: t', YAML)).body.code).toBe('request.media_type');
  const latin1 = await fetch(`${service.url}/v1/policy/versions`, {
    method: 'POST',
    headers: { ...YAML, authorization: `Bearer ${await service.token()}` },
    body: Buffer.from('version: 1 # caf\xe9\n', 'latin1'),
  });
  expect(latin1.status).toBe(400);
});
