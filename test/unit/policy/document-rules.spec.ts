import { describe, expect, it } from 'vitest';
import { parsePolicy, type PolicyProblem } from '../../../src/policy/core/policy.schema.js';

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

describe('rules of a document', () => {
  const RULE = { id: 'fresh-credentials', when: 'points > 5000', outcome: 'challenge', reason: 'Large and fresh' };
  const withRule = (change: object, more: object = {}): string =>
    JSON.stringify({ version: 1, ...more, rules: [{ ...RULE, ...change }] });

  it('are the example of the contract, with the condition compiled', () => {
    const policy = policyOf(
      'version: 1\nrules:\n  - id: fresh-credentials\n    when: type == "burn" && account.credentialsAgeHours < 24 && points > 5000     # CEL\n    outcome: challenge\n    reason: Large redemption soon after the password changed\n',
    );
    const facts = { type: 'burn', points: 5001, 'account.credentialsAgeHours': 23.9 };
    expect(policy.rules.evaluate(facts).map(({ rule }) => [rule.id, rule.outcome])).toEqual([
      ['fresh-credentials', 'challenge'],
    ]);
    expect(policy.rules.evaluate({ ...facts, 'account.credentialsAgeHours': 24 })).toEqual([]);
  });

  it.each([
    [{ id: 'Fresh' }, 'id'],
    [{ when: '' }, 'when'],
    [{ when: 5 }, 'when'],
    [{ when: undefined }, 'when'],
    [{ when: `points > 1 ${' '.repeat(2000)}` }, 'when'],
    [{ when: 'points >' }, 'when'],
    [{ when: 'points > "x"' }, 'when'],
    [{ when: 'limits["burn-count-hour"].used > 1' }, 'when'],
    [{ outcome: 'allow' }, 'outcome'],
    [{ outcome: undefined }, 'outcome'],
    [{ outcome: 'score' }, 'weight'],
    [{ outcome: 'score', weight: 0 }, 'weight'],
    [{ outcome: 'score', weight: 101 }, 'weight'],
    [{ weight: 5 }, 'weight'],
    [{ reason: '' }, 'reason'],
    [{ onBreach: 'review' }, 'onBreach'],
  ])('are refused with %j', (change, key) => {
    const { path, pointer, message } = onlyProblem(withRule(change));
    expect([path, pointer]).toEqual([`rules[0].${key}`, `/rules/0/${key}`]);
    expect(message).toContain(path);
  });

  it('may refer to the limits of the document, and share an id with one', () => {
    const when = 'limits["burn-count-hour"].share > 0.5';
    expect(policyOf(withRule({ id: LIMIT.id, when }, { limits: [LIMIT] })).rules.rules).toHaveLength(1);
    expect(onlyProblem(JSON.stringify({ version: 1, rules: [RULE, RULE] })).path).toBe('rules[1].id');
  });

  it.each([
    ['as it is', 'when: points > 1 && foo', 4, 25],
    ['in quotes', "when: 'points > 1 && foo'", 4, 26],
    ['in JSON quotes', 'when: "points > 1 && foo"', 4, 26],
    ['folded over lines', 'when: >-\n      points > 1 &&\n      foo', 4, 11],
    ['after an escape', 'when: "\\u0070oints > 1 && foo"', 4, 11],
  ])('say where in a condition something is wrong: %s', (_, text, line, column) => {
    const document = `version: 1\nrules:\n  - id: a\n    ${text}\n    outcome: deny\n    reason: r\n`;
    expect(onlyProblem(document)).toMatchObject({ line, column, path: 'rules[0].when' });
  });

  it('are at most five hundred', () => {
    const many = (n: number): string =>
      JSON.stringify({ version: 1, rules: Array.from({ length: n }, (_, i) => ({ ...RULE, id: `r${i}` })) });
    expect(policyOf(many(500)).rules.rules).toHaveLength(500);
    expect(problemsOf(many(501))).toMatchObject([{ path: 'rules' }]);
    expect(problemsOf(many(10_000))).toHaveLength(1);
  });
});

describe('the degraded table', () => {
  it('keeps the defaults beside what it says', () => {
    const { degraded } = policyOf('version: 1\ndegraded: {lists: {earn: deny}, location: {burn: unavailable}}');
    expect(degraded).toEqual({
      ...DEGRADED,
      lists: { ...DEGRADED.lists, earn: 'deny' },
      location: { ...DEGRADED.location, burn: 'unavailable' },
    });
  });

  it.each([
    ['degraded: {velocity: {burn: deny}}', 'degraded.velocity'],
    ['degraded: {scoring: {burn: deny}}', 'degraded.scoring'],
    ['degraded: {lists: {registration: deny}}', 'degraded.lists.registration'],
    ['degraded: {lists: {burn: allow}}', 'degraded.lists.burn'],
    ['degraded: {lists: deny}', 'degraded.lists'],
    ['degraded: deny', 'degraded'],
  ])('is refused as %s', (text, path) => {
    expect(onlyProblem(`version: 1\n${text}`).path).toBe(path);
  });
});
