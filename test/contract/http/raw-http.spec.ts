/** Bytes on a socket: smuggling, broken framing, odd methods and targets. Never a 5xx, and the service lives on. */
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startTestService, type TestService, transaction } from '../../support/service.js';
import { recordHash } from './surface.js';

let service: TestService;
let bearer: string;
let host: string;
let before: Record<string, string>;
beforeAll(async () => {
  service = await startTestService();
  bearer = `Bearer ${await service.token()}`;
  host = new URL(service.url).host;
  before = await recordHash(service.database);
});
afterAll(async () => {
  await service.stop();
});
afterEach(async () => {
  const { status } = await service.get('/livez');
  if (status !== 200) throw new Error(`the service does not live on: ${status}`);
});

/** Writes bytes and answers all that comes until the service closes the socket. */
function exchange(bytes: string | Buffer, { end = false } = {}): Promise<string> {
  const { hostname, port } = new URL(service.url);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      if (end) socket.end(bytes);
      else socket.write(bytes);
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // a reset is a close too
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

const statusesOf = (answer: string): number[] =>
  [...answer.matchAll(/HTTP\/1\.1 (\d{3}) [A-Z]/g)].map(([, status]) => Number(status));

interface Sent {
  line?: string;
  headers?: string[];
  body?: string;
  /** Without: `Connection: close`, so that an answer ends the exchange. */
  open?: boolean;
}

/** A request as text, of the caller with a good token. */
function request({ line = 'GET /v1/decisions HTTP/1.1', headers = [], body = '', open = false }: Sent): string {
  const own = headers.some((header) => /^host/i.test(header)) ? [] : [`Host: ${host}`];
  const lines = [line, ...own, `Authorization: ${bearer}`, ...headers, ...(open ? [] : ['Connection: close'])];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

const POST = 'POST /v1/decisions HTTP/1.1';
const JSON_TYPE = 'Content-Type: application/json';
const smuggled = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
const chunked = 'Transfer-Encoding: chunked';

/** What is sent → the statuses of all answers; every exchange ends with a closed socket. */
const REFUSED: Record<string, Sent> = {
  'Content-Length and chunked': {
    line: POST,
    headers: [JSON_TYPE, 'Content-Length: 4', chunked],
    body: `0\r\n\r\n${smuggled}`,
  },
  'chunked and Content-Length': {
    line: POST,
    headers: [JSON_TYPE, chunked, 'Content-Length: 40'],
    body: `0\r\n\r\n${smuggled}`,
  },
  'two lengths that differ': {
    line: POST,
    headers: [JSON_TYPE, 'Content-Length: 2', 'Content-Length: 40'],
    body: `{}${smuggled}`,
  },
  'two equal lengths': { line: POST, headers: [JSON_TYPE, 'Content-Length: 2', 'Content-Length: 2'], body: '{}' },
  'a list of lengths': { line: POST, headers: [JSON_TYPE, 'Content-Length: 2, 2'], body: '{}' },
  'a negative length': { line: POST, headers: [JSON_TYPE, 'Content-Length: -1'] },
  'a length with a sign': { line: POST, headers: [JSON_TYPE, 'Content-Length: +2'], body: '{}' },
  'a length in hex': { line: POST, headers: [JSON_TYPE, 'Content-Length: 0x2'], body: '{}' },
  'a length that is no number': { line: POST, headers: [JSON_TYPE, 'Content-Length: two'], body: '{}' },
  'a length above 2^64': { line: POST, headers: [JSON_TYPE, 'Content-Length: 18446744073709551617'], body: '{}' },
  'a length split by a space': { line: POST, headers: [JSON_TYPE, 'Content-Length: 1 0'], body: '{}' },
  'a space before the colon': { line: POST, headers: [JSON_TYPE, 'Content-Length : 2'], body: '{}' },
  'chunked, but not last': {
    line: POST,
    headers: [JSON_TYPE, 'Transfer-Encoding: chunked, identity'],
    body: `0\r\n\r\n${smuggled}`,
  },
  'chunked in disguise': {
    line: POST,
    headers: [JSON_TYPE, 'Transfer-Encoding: xchunked'],
    body: `0\r\n\r\n${smuggled}`,
  },
  'chunked twice': { line: POST, headers: [JSON_TYPE, chunked, chunked], body: `0\r\n\r\n${smuggled}` },
  'a chunk size that is no number': { line: POST, headers: [JSON_TYPE, chunked], body: 'zz\r\n{}\r\n0\r\n\r\n' },
  'a chunk size above 2^64': {
    line: POST,
    headers: [JSON_TYPE, chunked],
    body: 'fffffffffffffffff\r\n{}\r\n0\r\n\r\n',
  },
  'a chunk longer than it says': { line: POST, headers: [JSON_TYPE, chunked], body: '1\r\n{}\r\n0\r\n\r\n' },
  'a folded header': { headers: ['X-A: 1\r\n  2'] },
  'a header without a colon': { headers: ['X-A'] },
  'a header without a name': { headers: [': x'] },
  'NUL in a header': { headers: ['X-A: a\0b'] },
  'a lone CR in a header': { headers: ['X-A: a\rX-B: b'] },
  'a control character in a header name': { headers: ['X\u0001A: b'] },
  'no method': { line: '/v1/decisions HTTP/1.1' },
  'a method in lower case': { line: 'get /v1/decisions HTTP/1.1' },
  'an unknown method': { line: 'STEAL /v1/decisions HTTP/1.1' },
  'HTTP/1.2': { line: 'GET /v1/decisions HTTP/1.2' },
  'HTTP/3.0': { line: 'GET /v1/decisions HTTP/3.0' },
  'a protocol that is not HTTP': { line: 'GET /v1/decisions ICE/1.0' },
  'NUL in the path': { line: 'GET /v1/dec\0isions HTTP/1.1' },
  'a space in the path': { line: 'GET /v1/dec isions HTTP/1.1' },
};

describe('refused and closed', () => {
  test.each(Object.entries(REFUSED))('%s', async (_name, sent) => {
    const answer = await exchange(request({ ...sent, open: true }));
    expect(statusesOf(answer)).toEqual([400]);
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain('"code":"request.malformed"');
    expect(answer.toLowerCase()).toContain('connection: close');
  });

  test('headers of more than 16 KiB', async () => {
    const answer = await exchange(request({ headers: [`X-A: ${'a'.repeat(20_000)}`], open: true }));
    expect(statusesOf(answer)).toEqual([431]);
    expect(answer).toContain('"code":"request.headers_too_large"');
  });

  test('a path of 20,000 letters', async () => {
    expect(statusesOf(await exchange(request({ line: `GET /v1/${'a'.repeat(20_000)} HTTP/1.1`, open: true })))).toEqual(
      [431],
    );
  });

  test('5,000 headers', async () => {
    const headers = Array.from({ length: 5000 }, (_, at) => `X-${at}: 1`);
    expect(statusesOf(await exchange(request({ headers, open: true })))).toEqual([431]);
  });

  test('TLS where none is spoken', async () => {
    const hello = Buffer.from('16030100a5010000a10303', 'hex');
    expect(statusesOf(await exchange(Buffer.concat([hello, Buffer.alloc(160, 7)])))).toEqual([400]);
  });

  test('HTTP/2 with prior knowledge', async () => {
    expect(statusesOf(await exchange('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))).toEqual([400]);
  });

  test('noise', async () => {
    expect(statusesOf(await exchange(Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7919) % 256))))).toEqual(
      [400],
    );
  });

  test('CONNECT is no proxy', async () => {
    const answer = await exchange(request({ line: 'CONNECT 169.254.169.254:80 HTTP/1.1', open: true }));
    expect(statusesOf(answer).filter((status) => status < 400 || status > 499)).toEqual([]);
  });
});

/** Read to the end and answered as what they are; `Connection: close` ends each. */
const ANSWERED: Record<string, { sent: Sent; statuses: number[] }> = {
  'no host': { sent: { headers: ['Host:'] }, statuses: [200, 400] },
  'another host': { sent: { headers: ['Host: evil.example'] }, statuses: [200] },
  'HTTP/1.0': { sent: { line: 'GET /v1/decisions HTTP/1.0' }, statuses: [200] },
  'absolute form': { sent: { line: 'GET http://evil.example/v1/decisions HTTP/1.1' }, statuses: [200, 404] },
  'asterisk form': { sent: { line: 'OPTIONS * HTTP/1.1' }, statuses: [400, 404, 405] },
  TRACE: { sent: { line: 'TRACE /v1/decisions HTTP/1.1' }, statuses: [404, 405] },
  PROPFIND: { sent: { line: 'PROPFIND /v1/decisions HTTP/1.1' }, statuses: [404, 405] },
  '%00 in the path': { sent: { line: 'GET /v1/decisions/%00 HTTP/1.1' }, statuses: [404] },
  'half an escape in the path': { sent: { line: 'GET /v1/decisions/% HTTP/1.1' }, statuses: [400] },
  'overlong UTF-8 in the path': { sent: { line: 'GET /v1/decisions/%c0%ae HTTP/1.1' }, statuses: [400, 404] },
  'a path of 8,000 letters': { sent: { line: `GET /v1/decisions/${'a'.repeat(8000)} HTTP/1.1` }, statuses: [404, 413] },
  'dots in the path': { sent: { line: 'GET /v1/../v1/decisions HTTP/1.1' }, statuses: [404] },
  'dots that escape': { sent: { line: 'GET /docs/..%2f..%2f..%2fpackage.json HTTP/1.1' }, statuses: [400, 403, 404] },
  'plain dots below the docs': { sent: { line: 'GET /docs/../../package.json HTTP/1.1' }, statuses: [403, 404] },
  'a fragment': { sent: { line: 'GET /v1/decisions#x HTTP/1.1' }, statuses: [400, 404, 422] },
  'two slashes': { sent: { line: 'GET //v1/decisions HTTP/1.1' }, statuses: [404] },
  'a slash at the end': { sent: { line: 'GET /v1/decisions/ HTTP/1.1' }, statuses: [404] },
  'another case': { sent: { line: 'GET /V1/Decisions HTTP/1.1' }, statuses: [404] },
  'an upgrade to h2c': { sent: { headers: ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'] }, statuses: [200] },
  'an upgrade to a web socket': {
    sent: { headers: ['Upgrade: websocket', 'Sec-WebSocket-Version: 13'] },
    statuses: [200],
  },
  'an expectation that nobody knows': { sent: { headers: ['Expect: the-unexpected'] }, statuses: [417] },
  'a body where none is looked for': { sent: { headers: ['Content-Length: 5'], body: 'hello' }, statuses: [200] },
  'an unknown coding beside chunked': {
    sent: { line: POST, headers: [JSON_TYPE, 'Transfer-Encoding: gzip, chunked'], body: '2\r\n{}\r\n0\r\n\r\n' },
    statuses: [400, 415, 422],
  },
  'an empty body': { sent: { line: POST, headers: [JSON_TYPE, 'Content-Length: 0'] }, statuses: [400] },
  'an empty chunked body': { sent: { line: POST, headers: [JSON_TYPE, chunked], body: '0\r\n\r\n' }, statuses: [400] },
  'a body without a type': { sent: { line: POST, headers: ['Content-Length: 2'], body: '{}' }, statuses: [415] },
  'a body above the limit, by its length': {
    sent: { line: POST, headers: [JSON_TYPE, 'Content-Length: 70000'] },
    statuses: [413],
  },
  'a body above the limit, in chunks': {
    sent: { line: POST, headers: [JSON_TYPE, chunked], body: `11170\r\n${' '.repeat(70_000)}\r\n0\r\n\r\n` },
    statuses: [413],
  },
  'trailers that name a caller': {
    sent: {
      line: POST,
      headers: [JSON_TYPE, chunked, 'Trailer: Authorization'],
      body: '2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n',
    },
    statuses: [422],
  },
  'two hosts': { sent: { headers: ['Host: a', 'Host: b'] }, statuses: [400] },
  'two tokens': { sent: { headers: ['Authorization: Bearer x'] }, statuses: [400] },
  'two media types': {
    sent: { line: POST, headers: [JSON_TYPE, JSON_TYPE, 'Content-Length: 2'], body: '{}' },
    statuses: [400],
  },
  'two spaces in the request line': { sent: { line: 'GET  /v1/decisions  HTTP/1.1' }, statuses: [200, 400] },
  'no version': { sent: { line: 'GET /v1/decisions' }, statuses: [400] },
};

describe('answered', () => {
  test.each(Object.entries(ANSWERED))('%s', async (_name, { sent, statuses }) => {
    const [status, ...more] = statusesOf(await exchange(request(sent)));
    expect(statuses).toContain(status);
    expect(more).toEqual([]);
  });

  test('HTTP/0.9', async () => {
    expect(statusesOf(await exchange('GET /livez\r\n', { end: true }))).toEqual([400]);
  });

  test('no Host header at all', async () => {
    expect(statusesOf(await exchange('GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n'))).toEqual([400]);
  });

  test('Expect: 100-continue', async () => {
    const sent = request({ line: POST, headers: [JSON_TYPE, 'Content-Length: 2', 'Expect: 100-continue'], body: '{}' });
    expect(statusesOf(await exchange(sent))).toEqual([100, 422]);
  });

  test('a body whose end never comes', async () => {
    const sent = request({ line: POST, headers: [JSON_TYPE, 'Content-Length: 100'], body: '{"transactionId":' });
    const statuses = statusesOf(await exchange(sent, { end: true }));
    expect(statuses.filter((status) => status !== 400)).toEqual([]);
  });

  test('pipelined requests are answered in order', async () => {
    const paths = ['/livez', '/v1/nothing', '/v1/decisions', '/readyz'];
    const sent = paths.map((path, at) => request({ line: `GET ${path} HTTP/1.1`, open: at < 3 })).join('');
    expect(statusesOf(await exchange(sent))).toEqual([200, 404, 200, 200]);
  });

  test('what cannot be read behind a request is not answered in its place', async () => {
    const first = request({
      line: POST,
      headers: [JSON_TYPE, 'Content-Length: 2'],
      body: '{}',
      open: true,
    });
    const statuses = statusesOf(await exchange(`${first}get / HTTP/1.1\r\n\r\n${smuggled}`));
    expect([[], [422], [422, 400]]).toContainEqual(statuses);
  });

  test('a body that is refused is no request', async () => {
    const sent = request({
      line: POST,
      headers: ['Content-Type: text/plain', `Content-Length: ${smuggled.length}`],
      body: smuggled,
    });
    expect(statusesOf(await exchange(sent))).toEqual([415]);
  });
});

test('a slow request does not keep its socket', async () => {
  const slow = [
    'GET /livez HTTP/1.1\r\nHost: x\r\nX-',
    request({ line: POST, headers: [JSON_TYPE, 'Content-Length: 100'], body: '{' }),
  ];
  for (const answer of await Promise.all(slow.map((bytes) => exchange(bytes)))) {
    expect(statusesOf(answer).filter((status) => status !== 400)).toEqual([]);
  }
});

test('200 sockets that say nothing hold up nobody', async () => {
  const { hostname, port } = new URL(service.url);
  const idle = await Promise.all(
    Array.from(
      { length: 200 },
      () =>
        new Promise<ReturnType<typeof connect>>((resolve) => {
          const socket = connect(Number(port), hostname, () => resolve(socket));
          socket.on('error', () => undefined);
        }),
    ),
  );
  expect((await service.post('/v1/decisions', transaction(), {})).status).toBe(201);
  for (const socket of idle) socket.destroy();
});

test('nothing but the one decision was written', async () => {
  const rows = await service.database.query('select 1 from pointguard.decision');
  expect(rows).toHaveLength(1);
  const { 'pointguard.policy_version': policies, 'pointguard.api_client': clients } = await recordHash(
    service.database,
  );
  expect(policies).toBe(before['pointguard.policy_version']);
  expect(clients).toBe(before['pointguard.api_client']);
});
