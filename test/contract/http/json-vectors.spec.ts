/** JSONTestSuite (95 accept, 188 reject, 35 either) as bodies of a decision. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestService, type TestService } from '../../support/service.js';
import { faultsOf, recordHash } from './surface.js';

interface Vector {
  name: string;
  expect: 'accept' | 'reject' | 'either';
  b64: string;
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../../shared/data/vectors/jsontestsuite/jsontestsuite.json', import.meta.url), 'utf8'),
) as Vector[];

/** JSON of RFC 8259 that we refuse all the same: two readers of it may read two things. */
const STRICTER: Record<string, string> = {
  'y_object_duplicated_key.json': 'a member name twice in one object',
  'y_object_duplicated_key_and_value.json': 'a member name twice in one object',
};

let service: TestService;
let before: Record<string, string>;
let authorization: string;
beforeAll(async () => {
  service = await startTestService();
  authorization = `Bearer ${await service.token()}`;
  before = await recordHash(service.database);
});
afterAll(async () => {
  await service.stop();
});

async function send(bytes: Uint8Array<ArrayBuffer>): Promise<Answer> {
  const answer = await fetch(`${service.url}/v1/decisions`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: bytes,
  });
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}
const bytesOf = ({ b64 }: Vector) => new Uint8Array(Buffer.from(b64, 'base64'));
const of = (expected: Vector['expect']) => vectors.filter((vector) => vector.expect === expected);

test('all vectors are here', () => {
  expect(['accept', 'reject', 'either'].map((expected) => of(expected as Vector['expect']).length)).toEqual([
    95, 188, 35,
  ]);
});

describe('reject', () => {
  test.each(of('reject'))('$name', async (vector) => {
    const bytes = bytesOf(vector);
    // above the limit of a body, its size says enough
    expect(faultsOf(await send(bytes), bytes.length > 65_536 ? [413] : [400])).toEqual([]);
  });
});

describe('accept', () => {
  test.each(of('accept'))('$name', async (vector) => {
    const answer = await send(bytesOf(vector));
    expect(faultsOf(answer, [vector.name in STRICTER ? 400 : 422])).toEqual([]);
    expect(answer.body.code).toBe(vector.name in STRICTER ? 'request.malformed' : 'request.invalid');
  });
});

describe('either', () => {
  test.each(of('either'))('$name', async (vector) => {
    expect(faultsOf(await send(bytesOf(vector)), [400, 422])).toEqual([]);
  });
});

test('numbers are never rounded into another integer', async () => {
  const accountId = 'rounded';
  const points = [
    '1.0000000000000000001',
    '999999999999.99999999',
    '1000000000000.00001',
    '1e-400',
    '10000000000000000001e-19',
  ];
  for (const [at, number] of points.entries()) {
    const body = `{"transactionId":"n-${at}","accountId":"${accountId}","type":"earn","points":${number}}`;
    expect(faultsOf(await send(new TextEncoder().encode(body)), [400, 422])).toEqual([]);
  }
  for (const [at, number] of ['100', '1e2', '1.00e2', '100.000', '10000e-2', '1000000000000'].entries()) {
    const body = `{"transactionId":"m-${at}","accountId":"${accountId}","type":"earn","points":${number}}`;
    const answer = await send(new TextEncoder().encode(body));
    expect([number, answer.status, answer.body.points]).toEqual([number, 201, Number(number)]);
  }
});

test('nothing but what was accepted is in the record', async () => {
  const after = await recordHash(service.database);
  expect(Object.keys(before).filter((table) => before[table] !== after[table]).length).toBeGreaterThan(0);
  const rows = await service.database.query<{ account_id: string }>(
    'select distinct account_id from pointguard.decision',
  );
  expect(rows).toEqual([{ account_id: 'rounded' }]);
});
