import { array, assert, constantFrom, nat, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Limit, LIMIT_TYPES, METRICS, SUBJECT_KINDS } from '../../../src/policy/core/policy.js';
import { parsePolicy, type PolicyProblem } from '../../../src/policy/core/policy.schema.js';
import { NO_RULES } from '../../../src/policy/core/rules.js';

const LIMIT = {
  id: 'burn-count-hour',
  subject: 'account',
  types: ['burn', 'transfer'],
  metric: 'count',
  window: 'PT1H',
  cap: 5,
  kind: 'hard',
  reason: 'More than five redemptions in an hour',
};

const IGNORE = { earn: 'ignore', burn: 'ignore', transfer: 'ignore', adjust: 'ignore' };
const DEGRADED = {
  duplicates: IGNORE,
  lists: { earn: 'ignore', burn: 'review', transfer: 'review', adjust: 'review' },
  identity: IGNORE,
  location: { earn: 'ignore', burn: 'ignore', transfer: 'review', adjust: 'review' },
};

const withLimit = (change: object): string => JSON.stringify({ version: 1, limits: [{ ...LIMIT, ...change }] });

function problemsOf(text: string): PolicyProblem[] {
  const parsed = parsePolicy(text);
  return 'problems' in parsed ? parsed.problems : [];
}

function policyOf(text: string) {
  const parsed = parsePolicy(text);
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  return parsed.policy;
}

/** The one problem of a document: path and message. */
function onlyProblem(text: string): PolicyProblem {
  const problems = problemsOf(text);
  expect(problems).toHaveLength(1);
  return problems[0]!;
}

describe('a policy document', () => {
  it('needs its version only, and has the defaults of the contract', () => {
    const minutes = 60_000;
    const expected = {
      mode: 'enforce',
      holdTtlMs: 15 * minutes,
      onHoldEnd: 'commit',
      reviewTtlMs: 72 * 60 * minutes,
      maxOpenHolds: 10,
      maxLatenessMs: 24 * 60 * minutes,
      challengeImpossible: 'review',
      scoreBands: { challenge: 60, review: 75, deny: 90 },
      limits: [],
      rules: NO_RULES,
      degraded: DEGRADED,
    };
    expect(policyOf('version: 1')).toEqual(expected);
    expect(policyOf('{"version": 1}')).toEqual(expected);
    expect(policyOf('version: 1\nscoreBands: {deny: 80}').scoreBands).toEqual({ challenge: 60, review: 75, deny: 80 });
  });

  it('carries every key', () => {
    const policy = policyOf(`
version: 1
mode: observe
holdTtl: PT30S
onHoldEnd: release
reviewTtl: P2D
maxOpenHolds: 3
maxLateness: PT0S
challengeImpossible: deny
scoreBands: {challenge: 10, review: 10, deny: 100}
limits:
  - {id: s, subject: device, types: [earn], metric: distinct, distinctOf: account, window: P90D, cap: 256, kind: soft, onBreach: score, weight: 100, reason: r}
  - {id: h, subject: program, types: [registration], metric: count, window: PT1S, cap: 9007199254740991, kind: hard, refundable: true, reason: r}
`);
    expect(policy).toMatchObject({ mode: 'observe', holdTtlMs: 30_000, maxLatenessMs: 0, challengeImpossible: 'deny' });
    expect(policy.limits).toEqual([
      {
        id: 's',
        subject: 'device',
        types: ['earn'],
        metric: 'distinct',
        distinctOf: 'account',
        window: 'P90D',
        windowMs: 7_776_000_000,
        cap: 256,
        kind: 'soft',
        onBreach: 'score',
        weight: 100,
        refundable: false,
        reason: 'r',
      },
      {
        id: 'h',
        subject: 'program',
        types: ['registration'],
        metric: 'count',
        window: 'PT1S',
        windowMs: 1000,
        cap: 9_007_199_254_740_991,
        kind: 'hard',
        refundable: true,
        reason: 'r',
      },
    ] satisfies Limit[]);
  });

  it('accepts every subject with every type and metric that it goes with', () => {
    const typesOf = (subject: string) =>
      subject === 'address' || subject === 'referrer'
        ? ['registration']
        : subject === 'counterparty'
          ? ['transfer']
          : LIMIT_TYPES;
    for (const subject of SUBJECT_KINDS) {
      for (const metric of METRICS) {
        const distinctOf = metric === 'distinct' ? (subject === 'account' ? 'device' : 'account') : undefined;
        expect(policyOf(withLimit({ subject, metric, distinctOf, types: typesOf(subject) })).limits).toHaveLength(1);
      }
    }
  });
});

describe('a problem in a policy', () => {
  it('says where, what was expected and what was given', () => {
    const problem = onlyProblem(
      'version: 1\nlimits:\n  - id: a\n    subject: account\n    types: [burn]\n    metric: sums\n    window: PT1H\n    cap: 5\n    kind: hard\n    reason: r\n',
    );
    expect(problem).toEqual({
      line: 6,
      column: 13,
      path: 'limits[0].metric',
      pointer: '/limits/0/metric',
      message: 'limits[0].metric: expected one of count, points, distinct, was given "sums"',
    });
  });

  it.each([
    ['', ''],
    ['[]', ''],
    ['nonsense', ''],
    ['version: 2', 'version'],
    ['version: "1"', 'version'],
    ['mode: observe', 'version'],
    ['version: 1\nmode: off', 'mode'],
    ['version: 1\nmode:', 'mode'],
    ['version: 1\nholdTtl: 15m', 'holdTtl'],
    ['version: 1\nholdTtl: 900', 'holdTtl'],
    ['version: 1\nholdTtl: PT0S', 'holdTtl'],
    ['version: 1\nreviewTtl: P91D', 'reviewTtl'],
    ['version: 1\nmaxLateness: P1Y', 'maxLateness'],
    ['version: 1\nmaxOpenHolds: 0', 'maxOpenHolds'],
    ['version: 1\nmaxOpenHolds: 1.5', 'maxOpenHolds'],
    ['version: 1\nmaxOpenHolds: .inf', 'maxOpenHolds'],
    ['version: 1\nchallengeImpossible: allow', 'challengeImpossible'],
    ['version: 1\nscoreBands: {challenge: 0}', 'scoreBands.challenge'],
    ['version: 1\nscoreBands: {challenge: 80}', 'scoreBands'],
    ['version: 1\nscoreBands: {review: 95}', 'scoreBands'],
    ['version: 1\nscoreBands: {allow: 1}', 'scoreBands.allow'],
    ['version: 1\nlimits:', 'limits'],
    ['version: 1\nlimits: {}', 'limits'],
    ['version: 1\nlimits: [5]', 'limits[0]'],
    ['version: 1\n__proto__: {a: 1}', '__proto__'],
  ])('is found in %j', (text, path) => {
    expect(onlyProblem(text).path).toBe(path);
  });

  it.each([
    [{ id: 'Burn' }, 'id'],
    [{ id: '-a' }, 'id'],
    [{ id: 'a'.repeat(65) }, 'id'],
    [{ id: 5 }, 'id'],
    [{ subject: 'member' }, 'subject'],
    [{ types: [] }, 'types'],
    [{ types: undefined }, 'types'],
    [{ types: 'burn' }, 'types'],
    [{ types: ['burn', 'burn'] }, 'types'],
    [{ types: ['burn', 'spend'] }, 'types[1]'],
    [{ window: 'PT0.999S' }, 'window'],
    [{ window: 'P90DT1S' }, 'window'],
    [{ window: 'P1M' }, 'window'],
    [{ window: '-PT1H' }, 'window'],
    [{ cap: 0 }, 'cap'],
    [{ cap: -5 }, 'cap'],
    [{ cap: 2.5 }, 'cap'],
    [{ cap: 9_007_199_254_740_992 }, 'cap'],
    [{ cap: '5' }, 'cap'],
    [{ cap: null }, 'cap'],
    [{ kind: 'strict' }, 'kind'],
    [{ onBreach: 'review' }, 'onBreach'],
    [{ kind: 'soft' }, 'onBreach'],
    [{ kind: 'soft', onBreach: 'deny' }, 'onBreach'],
    [{ kind: 'soft', onBreach: 'score' }, 'weight'],
    [{ kind: 'soft', onBreach: 'score', weight: 0 }, 'weight'],
    [{ kind: 'soft', onBreach: 'score', weight: 101 }, 'weight'],
    [{ kind: 'soft', onBreach: 'review', weight: 5 }, 'weight'],
    [{ weight: 5 }, 'weight'],
    [{ metric: 'distinct' }, 'distinctOf'],
    [{ distinctOf: 'device' }, 'distinctOf'],
    [{ metric: 'distinct', distinctOf: 'account' }, 'distinctOf'],
    [{ metric: 'distinct', distinctOf: 'member' }, 'distinctOf'],
    [{ metric: 'distinct', distinctOf: 'device', cap: 257 }, 'cap'],
    [{ metric: 'distinct', distinctOf: 'device', refundable: true }, 'refundable'],
    [{ metric: 'points', refundable: true }, 'refundable'],
    [{ refundable: 'yes' }, 'refundable'],
    [{ subject: 'address' }, 'subject'],
    [{ subject: 'referrer', types: ['registration', 'earn'] }, 'subject'],
    [{ subject: 'counterparty' }, 'subject'],
    [{ metric: 'distinct', distinctOf: 'counterparty' }, 'distinctOf'],
    [{ metric: 'distinct', distinctOf: 'address' }, 'distinctOf'],
    [{ reason: '' }, 'reason'],
    [{ reason: '  ' }, 'reason'],
    [{ reason: 'r'.repeat(201) }, 'reason'],
    [{ reason: undefined }, 'reason'],
    [{ when: 'true' }, 'when'],
  ])('is found in a limit with %j', (change, key) => {
    const { path, message } = onlyProblem(withLimit(change));
    expect(path).toBe(`limits[0].${key}`);
    expect(message).toContain(path);
  });

  it.each(['stepUp', 'cases', 'maxOpenLinkHolds', 'linkHoldMax', 'linkPendingTtl', 'holdTTL'])(
    'is the unknown key %s, and the known ones are named',
    (key) => {
      const { line, column, path, message } = onlyProblem(`version: 1\n${key}: 5\n`);
      expect([line, column, path]).toEqual([2, 1, key]);
      expect(message).toContain('unknown key');
      expect(message).toContain('version, mode, holdTtl, onHoldEnd, reviewTtl, maxOpenHolds, maxLateness');
    },
  );

  it('is an id that was used before', () => {
    const { path, message } = onlyProblem(
      JSON.stringify({ version: 1, limits: [LIMIT, { ...LIMIT, id: 'b' }, LIMIT] }),
    );
    expect(path).toBe('limits[2].id');
    expect(message).toContain('limits[0]');
  });

  it('comes with all others of the document, up to fifty', () => {
    expect(problemsOf(withLimit({ metric: 'sums', cap: 0, window: 'x' })).map(({ path }) => path)).toEqual([
      'limits[0].metric',
      'limits[0].window',
      'limits[0].cap',
    ]);
    const many = Array.from({ length: 300 }, (_, i) => `k${i}: 1`).join('\n');
    expect(problemsOf(many)).toHaveLength(50);
  });

  it('does not repeat a long value in full', () => {
    expect(onlyProblem(withLimit({ metric: 'x'.repeat(10_000) })).message.length).toBeLessThan(200);
  });
});

describe('a document that would cost or deceive', () => {
  const refused = (text: string): string => onlyProblem(text).message;

  it('is refused for anchors, aliases and tags', () => {
    expect(refused('version: 1\na: &x 1')).toContain('anchors');
    expect(refused('version: 1\nb: *x')).toContain('aliases');
    expect(refused('version: !!int "1"')).toContain('tags');
    expect(refused('- &a [x, x]\n- &b [*a, *a]\n- [*b, *b]')).toMatch(/anchors|aliases/);
  });

  it('is refused for keys that are given twice, with their place', () => {
    expect(problemsOf('version: 1\nmode: observe\nversion: 1')).toMatchObject([
      { line: 3, column: 1, path: 'version' },
    ]);
    const twice = 'version: 1\nlimits:\n  - {id: a, cap: 5, cap: 500}';
    expect(problemsOf(twice)).toMatchObject([{ line: 3, column: 21, path: 'limits[0].cap' }]);
    expect(problemsOf('{"version": 1, "version": 1}')).toMatchObject([{ path: 'version' }]);
  });

  it('is refused beyond 256 KiB, counted in bytes', () => {
    expect(refused(`version: 1 #${'x'.repeat(256 * 1024)}`)).toContain('256 KiB');
    expect(refused(`version: 1 #${'é'.repeat(140 * 1024)}`)).toContain('256 KiB');
    expect(policyOf(`version: 1 #${'x'.repeat(255 * 1024)}`).limits).toEqual([]);
  });

  it('is refused for values nested deeper than 32 levels', () => {
    const nested = (depth: number): string => `version: 1\na: ${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(refused(nested(31))).toContain('unknown key');
    expect(refused(nested(33))).toContain('nested');
    const half = 128 * 1024;
    for (const text of [
      '['.repeat(half),
      '- '.repeat(half),
      '? '.repeat(half),
      '{a: '.repeat(half / 2),
      'a: '.repeat(half / 2),
    ]) {
      expect(problemsOf(text).length).toBeGreaterThan(0);
    }
  });

  it('is refused for two documents, and for what is no YAML', () => {
    expect(problemsOf('version: 1\n---\nversion: 1').length).toBeGreaterThan(0);
    expect(problemsOf('version: [1').length).toBeGreaterThan(0);
    expect(problemsOf('version: 1\n\tmode: observe').length).toBeGreaterThan(0);
    expect(problemsOf('\u0000').length).toBeGreaterThan(0);
  });

  it('is answered, whatever it is', () => {
    const good = `${JSON.stringify({ version: 1, limits: [LIMIT] })}\n# and the same again\n`;
    const signs = '{}[]:,-?&*!|>\'"%@`#\n\t \0\uFEFF'.split('');
    const pieces = [...signs, '\uD800', 'version: 1\n', '- ', ': ', '<<: ', '__proto__: ', '1e999', '~'];
    let bad = 0;
    assert(
      property(array(tuple(nat(good.length), constantFrom(...pieces), nat(3)), { maxLength: 8 }), (cuts) => {
        const text = cuts.reduce((sum, [at, piece, cut]) => sum.slice(0, at) + piece + sum.slice(at + cut), good);
        const problems = problemsOf(text);
        if (problems.length > 0) bad++;
        return problems.every(({ line, column, message }) => line > 0 && column > 0 && message !== '');
      }),
      { numRuns: 2000 },
    );
    expect(bad).toBeGreaterThan(500);
  });
});

it('a control character is refused where it stands, in a comment too', () => {
  const parsed = parsePolicy('version: 1\n# a\u0000b\n');
  expect(parsed).toMatchObject({ problems: [{ line: 2, column: 4, message: expect.stringContaining('control') }] });
});
