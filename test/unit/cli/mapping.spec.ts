import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { afterAll, describe, expect, it } from 'vitest';
import { PlainFailure } from '../../../src/cli/plain-failure.js';
import { decisionRequest } from '../../../src/decision/decision.schema.js';
import { compileMapping, parseMapOptions, readMapFile } from '../../../src/cli/replay/mapping.js';
import { REQUEST_FIELDS } from '../../../src/cli/replay/fields.js';
import { parseTimeMs } from '../../../src/cli/replay/times.js';

const COLUMNS = ['TRANSACTION_ID', 'TX_DATETIME', 'CUSTOMER_ID', 'TERMINAL_ID', 'TX_AMOUNT', 'NOTE'];
const row = (more: Record<string, unknown> = {}) =>
  new Map<string, unknown>(
    Object.entries({
      TRANSACTION_ID: '0',
      TX_DATETIME: '2018-04-01T00:00:31',
      CUSTOMER_ID: '596',
      TERMINAL_ID: '3156',
      TX_AMOUNT: '57.16',
      NOTE: '',
      ...more,
    }),
  );
const BASE = ['transactionId=TRANSACTION_ID', 'accountId=CUSTOMER_ID', "type='burn'", 'points=1'];

/** The request that a row makes under the base mapping with these fields put over it. */
function request(maps: string[], cells: Record<string, unknown> = {}, columns: readonly string[] = COLUMNS) {
  const fields = new Map([...parseMapOptions(BASE), ...parseMapOptions(maps)]);
  const mapped = compileMapping(fields, columns)(row(cells));
  return 'request' in mapped ? mapped.request : mapped.problem;
}
const field = (expression: string, cells: Record<string, unknown> = {}) => {
  const mapped = request([`storeId=${expression}`], cells);
  return typeof mapped === 'string' ? mapped : mapped['storeId'];
};
const points = (expression: string, cells: Record<string, unknown> = {}) => {
  const mapped = request([`points=${expression}`], cells);
  return typeof mapped === 'string' ? mapped : mapped['points'];
};
const refusal = (maps: string[], columns: readonly string[] = COLUMNS): string => {
  try {
    compileMapping(parseMapOptions(maps), columns);
  } catch (error) {
    if (error instanceof PlainFailure) return error.message;
    throw error;
  }
  return 'not refused';
};

describe('the mapping of the handbook file', () => {
  it('makes the request of its first row', () => {
    const maps = [
      'transactionId=string(TRANSACTION_ID)',
      'accountId=string(CUSTOMER_ID)',
      'storeId=string(TERMINAL_ID)',
      "occurredAt=TX_DATETIME + 'Z'",
      'points=max(1, round(TX_AMOUNT * 100))',
      "type='burn'",
    ];
    expect(request(maps)).toEqual({
      transactionId: '0',
      accountId: '596',
      storeId: '3156',
      occurredAt: '2018-04-01T00:00:31.000Z',
      points: 5716,
      type: 'burn',
    });
  });

  it.each([
    ['57.16', 5716],
    ['146.0', 14_600],
    ['57', 5700],
    ['0.0', 1],
    ['0.004', 1],
    ['-3', 1],
    ['1e2', 10_000],
    ['0.29', 29],
    ['4.35', 435],
  ])('reads the amount %s as %i points', (text, expected) => {
    expect(points('max(1, round(TX_AMOUNT * 100))', { TX_AMOUNT: text })).toBe(expected);
  });

  it.each(['0', '596', '1504629', '9007199254740993', '0042'])('string() gives the id %s back as it was', (id) => {
    expect(field('string(TRANSACTION_ID)', { TRANSACTION_ID: id })).toBe(id);
    expect(field('TRANSACTION_ID', { TRANSACTION_ID: id })).toBe(id);
  });
});

describe('expressions', () => {
  it.each([
    ['TX_AMOUNT / 100 * 100', '57', 57],
    ['TX_AMOUNT * 100', '4.35', 435],
    ['TX_AMOUNT * 100', '4.355', 'points is not a whole number'],
    ['round(TX_AMOUNT / 2)', '57', 29],
    ['ceil(TX_AMOUNT)', '57.16', 58],
    ['floor(TX_AMOUNT)', '57.96', 57],
    ['abs(TX_AMOUNT)', '-57', 57],
    ['min(TX_AMOUNT, 10)', '57', 10],
    ['max(TX_AMOUNT, 1) / 2', '57.0', 'points is not a whole number'],
    ['round(max(TX_AMOUNT, 1) / 2)', '57.0', 29],
    ['1 + TX_AMOUNT', '57', 58],
    ['TX_AMOUNT - 1', '57', 56],
    ['TX_AMOUNT % 10', '57', 7],
    ['CUSTOMER_ID + TERMINAL_ID', '57', 3752],
    ['TX_AMOUNT > 50 ? 1 : 2', '57.16', 1],
    ['TX_AMOUNT == 57 ? 1 : 2', '57', 1],
    ['int(TX_AMOUNT) * 2', '57', 114],
    ['5', '', 5],
    ['TX_AMOUNT', '57', 57],
    ['TX_AMOUNT', '57.0', 57],
  ])('%s of %s gives %s', (expression, amount, expected) => {
    expect(points(expression, { TX_AMOUNT: amount })).toBe(expected);
  });

  it('a bare column is its text, in an expression a number is one', () => {
    expect(field('TX_AMOUNT', { TX_AMOUNT: '57.10' })).toBe('57.10');
    expect(field('TX_AMOUNT + 0', { TX_AMOUNT: '57.10' })).toBe('57.1');
    expect(field("'shop-' + string(TERMINAL_ID)")).toBe('shop-3156');
    expect(field("TX_DATETIME + 'x'")).toBe('2018-04-01T00:00:31x');
  });

  it('a bare column may have a name that CEL cannot say', () => {
    const columns = [...COLUMNS, 'type', 'in', 'store id', '__proto__'];
    for (const name of ['type', 'in', 'store id', '__proto__']) {
      const cells = new Map([...row(), [name, 'seven']]);
      const mapped = compileMapping(parseMapOptions([...BASE, `storeId=${name}`]), columns)(cells);
      expect(mapped).toMatchObject({ request: { storeId: 'seven' } });
    }
  });

  it('times without a zone are UTC, also in timestamp()', () => {
    const at = (expression: string) => (request([`occurredAt=${expression}`]) as { occurredAt?: string }).occurredAt;
    expect(at('TX_DATETIME')).toBe('2018-04-01T00:00:31.000Z');
    expect(at('timestamp(TX_DATETIME)')).toBe('2018-04-01T00:00:31.000Z');
    expect(at("timestamp(TX_DATETIME) + duration('90m')")).toBe('2018-04-01T01:30:31.000Z');
    expect(at("timestamp('2018-04-01T02:00:31+02:00')")).toBe('2018-04-01T00:00:31.000Z');
  });

  it('fills nested fields and lists', () => {
    const maps = [
      'device.id=TERMINAL_ID',
      'reward.value.amount=round(TX_AMOUNT * 100)',
      "reward.value.currency='EUR'",
      "accepts=['review']",
      'externalSignals=[{"source": "file", "code": "amount", "score": TX_AMOUNT}, {"source": "file", "code": "n", "score": 2}]',
    ];
    expect(request(maps)).toMatchObject({
      device: { id: '3156' },
      reward: { value: { amount: 5716, currency: 'EUR' } },
      accepts: ['review'],
      externalSignals: [
        { source: 'file', code: 'amount', score: 57.16 },
        { source: 'file', code: 'n', score: 2 },
      ],
    });
  });

  it('reads numbers, texts and nested values of NDJSON', () => {
    const columns = [...COLUMNS, 'device'];
    const cells = { TRANSACTION_ID: 7, TX_AMOUNT: 57, CUSTOMER_ID: '596', device: { id: 'd-1', count: '4' } };
    const maps = ['points=TX_AMOUNT * 100 + device.count', 'device.id=device.id'];
    expect(request(maps, cells, columns)).toMatchObject({ transactionId: '7', points: 5704, device: { id: 'd-1' } });
  });
});

describe('what a row lacks', () => {
  it('is left out where the field is optional, and no request where it is required', () => {
    expect(request(['storeId=NOTE'])).not.toHaveProperty('storeId');
    expect(request(['device.id=NOTE'])).not.toHaveProperty('device');
    expect(request(['occurredAt=NOTE'])).not.toHaveProperty('occurredAt');
    expect(request(['accountId=NOTE'])).toBe('accountId is empty');
  });

  it.each([
    ['points=TX_DATETIME', 'points is not a whole number'],
    ['points=TX_AMOUNT', 'points is not a whole number'],
    ['points=NOTE * 100', 'points cannot be computed from this row'],
    ['occurredAt=CUSTOMER_ID', 'occurredAt is not a time like 2018-04-01T00:00:31Z'],
    ["storeId=CUSTOMER_ID + 'x'", 'storeId cannot be computed from this row'],
  ])('%s is a sentence without the values of the row', (map, sentence) => {
    expect(request([map])).toBe(sentence);
  });
});

describe('a mapping that is refused before anything is sent', () => {
  it.each([
    ['an unknown field', [...BASE, "colour='red'"], /no field colour/],
    ['a field of a prototype', [...BASE, "__proto__='red'"], /no field __proto__/],
    ['half a field', [...BASE, "device='red'"], /no field device;/],
    ['a required field that is missing', BASE.slice(0, 3), /lacks points/],
    ['several that are missing', [], /lacks transactionId, accountId, type, points/],
    [
      'an unknown column',
      [...BASE.slice(0, 3), 'points=NOWHERE * 100'],
      /no column NOWHERE; the file has TRANSACTION_ID/,
    ],
    ['an unknown bare column', [...BASE, 'storeId=NOWHERE'], /no column NOWHERE/],
    ['an unknown column in a branch that no row takes', [...BASE, "storeId=true ? 'a' : NOWHERE"], /no column NOWHERE/],
    ['an expression that is none', [...BASE.slice(0, 3), 'points=max(1,'], /max\(1, cannot be read/],
    ['types that do not go together', [...BASE.slice(0, 3), "points=1 + 'a'"], /cannot be evaluated/],
    ['a function that is none', [...BASE.slice(0, 3), 'points=nofunc(1)'], /cannot be evaluated/],
    ['max of a text', [...BASE.slice(0, 3), "points=max('a', 1)"], /cannot be evaluated/],
    ['a list where a number goes', [...BASE.slice(0, 3), 'points=[1]'], /points is a whole number/],
    ['a truth where a time goes', [...BASE, 'occurredAt=1 == 1'], /occurredAt is a time/],
    ['no expression', ['points='], /field=expression/],
    ['no field', ['=1'], /field=expression/],
    ['no equals sign', ['points'], /field=expression/],
    ['a field twice', [...BASE, 'points=2'], /points twice/],
  ])('%s', (_name, maps, sentence) => {
    expect(refusal(maps)).toMatch(sentence);
    expect(refusal(maps)).not.toMatch(/\n/);
  });
});

describe('times', () => {
  it.each([
    ['2018-04-01T00:00:31', '2018-04-01T00:00:31.000Z'],
    ['2018-04-01 00:00:31', '2018-04-01T00:00:31.000Z'],
    ['2018-04-01T00:00:31Z', '2018-04-01T00:00:31.000Z'],
    ['2018-04-01 00:00:31 Z', '2018-04-01T00:00:31.000Z'],
    ['2018-04-01T00:00:31.1239Z', '2018-04-01T00:00:31.123Z'],
    ['2018-04-01T00:00:31+02:00', '2018-03-31T22:00:31.000Z'],
    ['2018-04-01T00:00:31-0530', '2018-04-01T05:30:31.000Z'],
    ['2020-02-29T23:59:59', '2020-02-29T23:59:59.000Z'],
  ])('%s is %s', (text, expected) => {
    expect(new Date(parseTimeMs(text) ?? Number.NaN).toISOString()).toBe(expected);
  });

  it.each([
    '',
    'now',
    '2018-04-01',
    '2018-02-29T00:00:00',
    '2018-13-01T00:00:00',
    '2018-04-01T25:00:00',
    '0099-04-01T00:00:00',
    '2018-04-01T00:00:60',
    '2018-04-01T00:00:00+25:00',
    '1522540831',
    '2018-04-01T00:00:31ZZ',
  ])('%s is none', (text) => {
    expect(parseTimeMs(text)).toBeUndefined();
  });

  it('do not depend on the zone of the host', () => {
    const before = process.env['TZ'];
    process.env['TZ'] = 'Pacific/Auckland';
    try {
      expect(parseTimeMs('2018-04-01 00:00:31')).toBe(Date.UTC(2018, 3, 1, 0, 0, 31));
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });
});

describe('a map file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'map-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const file = (text: string) => {
    const path = join(directory, 'map.yaml');
    writeFileSync(path, text);
    return path;
  };

  it('is lines of field: expression', async () => {
    const definitions = await readMapFile(file(`accountId: "string(CUSTOMER_ID)"\ntype: "'burn'"\npoints: 5\n`));
    expect([...definitions]).toEqual([
      ['accountId', 'string(CUSTOMER_ID)'],
      ['type', "'burn'"],
      ['points', '5'],
    ]);
  });

  it.each(['', '- a\n- b\n', 'a: [1]\n', 'a: {b: c}\n', 'a: "x\n', 'a: 1\na: 2\n', 'points:\n'])(
    '%j is refused',
    async (text) => {
      await expect(readMapFile(file(text))).rejects.toBeInstanceOf(PlainFailure);
    },
  );

  it('that is not there is refused', async () => {
    await expect(readMapFile(join(directory, 'no.yaml'))).rejects.toThrow(/cannot be read/);
  });
});

describe('the fields', () => {
  interface Schema {
    $ref?: string;
    $defs?: Record<string, Schema>;
    type?: string;
    properties?: Record<string, Schema>;
  }
  const root = z.toJSONSchema(decisionRequest, { io: 'input', unrepresentable: 'any' }) as Schema;
  const resolved = (schema: Schema): Schema => root.$defs?.[schema.$ref?.split('/').at(-1) ?? ''] ?? schema;
  const leaves = (schema: Schema, path = ''): [string, string][] =>
    Object.entries(resolved(schema).properties ?? {}).flatMap(([name, inner]) =>
      resolved(inner).properties ? leaves(inner, `${path}${name}.`) : [[path + name, resolved(inner).type ?? '']],
    );
  const JSON_TYPES = { text: 'string', integer: 'integer', number: 'number', time: 'string', list: 'array' };

  it('are those of the request’s schema, in kind, too', () => {
    const known = [...REQUEST_FIELDS].map(([name, kind]): [string, string] => [name, JSON_TYPES[kind]]);
    expect(new Map(leaves(root))).toEqual(new Map(known));
  });
});
