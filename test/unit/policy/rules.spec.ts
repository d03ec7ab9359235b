import { EvaluationError } from '@marcbachmann/cel-js';
import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FACTS, type Facts } from '../../../src/policy/core/facts.js';
import { contextOf, RULE_LANGUAGE, intoLibraryTerms } from '../../../src/policy/core/rule-language.js';
import { compileRules, type Rule, type RuleSet } from '../../../src/policy/core/rules.js';

const LIMITS = new Set(['burn-count-hour', 'plain']);
const ruleOf = (when: string, id = 'r'): Rule => ({ id, when, outcome: 'review', reason: 'because' });

function rulesOf(...conditions: string[]): RuleSet {
  const compiled = compileRules(
    conditions.map((when, index) => ruleOf(when, `r${index}`)),
    LIMITS,
  );
  if ('faults' in compiled) throw new Error(JSON.stringify(compiled.faults));
  return compiled;
}

const fires = (when: string, facts: Facts = BURN): boolean => rulesOf(when).evaluate(facts).length === 1;

function faultOf(when: string): { message: string; at: number } {
  const compiled = compileRules([ruleOf(when)], LIMITS);
  if (!('faults' in compiled)) throw new Error(`${when} is accepted`);
  const [fault] = compiled.faults;
  if (!fault) throw new Error('no fault');
  return fault;
}

const BURN: Facts = {
  type: 'burn',
  points: 6000,
  accountId: 'm-1',
  ip: '203.0.113.7',
  'account.ageDays': 0.5,
  'account.credentialsAgeHours': 2,
  'account.openHolds': 0,
  'occurred.ageMinutes': 0,
  'network.country': 'FR',
  'network.dataCentre': true,
  'device.userAgent': 'Mozilla/5.0 HeadlessChrome',
  'lists.block': [],
  'lists.watch': ['device', 'ip'],
  'now.hour': 3,
  'now.weekday': 7,
  limits: { 'burn-count-hour': { used: 4, cap: 5, remaining: 1, share: 0.8, breached: false } },
  externalSignals: [
    { source: 'bots', code: 'automation', score: 91 },
    { source: 'address', code: 'relay' },
  ],
};

describe('a condition', () => {
  it.each([
    'type == "burn" && account.credentialsAgeHours < 24 && points > 5000',
    'points == 6000 && points == 6000.0 && 6000 == points && points != 6001',
    'points in [100, 6000] && points in [6000.0] && points in [1.5, 6000]',
    'points >= 6000 && points <= 6000 && points > 5999.5',
    'points % 1000 == 0 && points * 2 == 12000 && 2 * points == 12000 && points / 4 == 1500',
    'points - 1 == 5999 && 1 + points == 6001 && -points < 0 && points % 7 == 1',
    'account.ageDays < 1.5 && account.ageDays < 1 && account.ageDays * 24 > 11',
    'type in ["burn", "transfer"] && !(type in ["earn"])',
    'type == "earn" || network.dataCentre',
    'points > 100000 ? false : true',
    'limits["burn-count-hour"].used >= 4 && limits["burn-count-hour"].share >= 0.8 && !limits["burn-count-hour"].breached',
    '"device" in lists.watch && size(lists.watch) == 2 && lists.block.size() == 0',
    'externalSignals.exists(s, s.source == "bots" && s.score > 80)',
    'externalSignals.exists(s, s.code == "relay" && s.score == 0)',
    'externalSignals.filter(s, s.score > 50).size() == 1 && externalSignals.all(s, s.score < 100)',
    'size(lists.watch) + 1 == 3 && 2 * size(lists.watch) == 4 && size(lists.watch) in [1, 2]',
    '1 / 2 == 0.5 && 7 % 4 == 3 && (points > 1 ? 1 : 0.5) == 1',
    'externalSignals.exists_one(s, s.score > 50) && externalSignals.map(s, s.score).size() == 2',
    'device.userAgent.contains("Headless") && device.userAgent.lowerAscii().glob("*headless*")',
    'ip.startsWith("203.0.113.") && network.country.endsWith("R") && size(network.country) == 2',
    'now.hour < 6 && now.weekday == 7',
    'has(account.ageDays) && known(ip) && known(account.ageDays) && !has(account.tier) && !known(channel)',
  ])('holds: %s', (when) => {
    expect(fires(when)).toBe(true);
  });

  it.each([
    'type == "earn" && points > 1',
    'points > 6000',
    'points < 6000',
    'account.ageDays > 0.5',
    'externalSignals.exists(s, s.score > 91)',
    '"account" in lists.watch',
    'limits["burn-count-hour"].breached',
    'device.userAgent.glob("Headless*")',
  ])('does not hold: %s', (when) => {
    expect(fires(when)).toBe(false);
  });

  it('over no external signals is what CEL says of an empty list', () => {
    const none: Facts = { ...BURN, externalSignals: undefined };
    expect(fires('externalSignals.exists(s, s.score >= 0)', none)).toBe(false);
    expect(fires('externalSignals.all(s, s.score > 1000)', none)).toBe(true);
  });
});

describe('a fact that is absent', () => {
  it.each([
    'account.tier == "gold"',
    'account.tier != "gold"',
    '!(account.tier == "gold")',
    'account.balance < 1000000',
    'storeId == employeeId',
    'account.tier == "gold" && points > 5000',
    'points > 5000 && account.tier == "gold"',
    '!(account.tier == "gold" && points > 5000)',
    '!(account.tier == "gold" || points < 5000)',
    'account.balance * 0 == 0',
    'channel in ["web", "app"]',
    '!(channel in ["web", "app"])',
    'limits["plain"].used < 1000000',
    'signals.selfDealing',
    '!signals.selfDealing',
    '"account" in lists.allow',
    '!("account" in lists.allow)',
    'size(account.tier) == 0',
    'account.tier == "gold" ? true : true',
    'externalSignals.exists(s, s.code == account.tier)',
    'externalSignals.exists(s, s.score > 90 || account.tier == "gold")',
    '(account.tier == "gold" || points > 5000) == true',
    '(points > 5000 ? account.tier : "gold") == "gold"',
    'points / account.openHolds == 1 && 1 / 0 == 1',
    'account.tier.startsWith("g")',
  ])('fires no rule by itself: %s', (when) => {
    expect(fires(when)).toBe(false);
  });

  it.each([
    'account.tier == "gold" || points > 5000',
    'points > 5000 || account.tier == "gold"',
    '!(account.tier == "gold" && points > 9000)',
    '!(points > 9000 && account.tier == "gold")',
    'points > 5000 ? true : account.tier == "gold"',
    '!has(account.tier)',
    '!known(account.tier) && !known(storeId)',
    '(has(account.tier) ? account.tier : "none") == "none"',
    '(has(account.balance) ? account.balance : 0) < 5',
    '!(account.tier == "gold" ? points < 0 : false) || points > 5000',
    'account.tier == "gold" || points > 5000 // who has no tier is none',
  ])('does not stop what holds without it: %s', (when) => {
    expect(fires(when)).toBe(true);
  });

  it('is joined with the rest as the library alone would, by its exceptions', () => {
    const asks = [
      'account.tier == "gold"',
      'points > 5000',
      'type == "earn"',
      'has(account.tier)',
      'signals.selfDealing',
    ];
    const joints = [' && ', ' || ', ' && !', ' || !', ' ? points > 5000 : ', ') && (', ') || !('];
    let fired = 0;
    let unknown = 0;
    assert(
      property(
        array(constantFrom(...joints), { minLength: 1, maxLength: 6 }),
        array(constantFrom(...asks), { minLength: 7, maxLength: 7 }),
        (between, parts) => {
          const text = `((${parts[0]})${between.map((joint, i) => `${joint}(${parts[i + 1]})`).join('')})`;
          const compiled = compileRules([ruleOf(text)], LIMITS);
          if ('faults' in compiled) throw new Error(`${text}: ${JSON.stringify(compiled.faults)}`);
          const alone = RULE_LANGUAGE.parse(text);
          intoLibraryTerms(alone.ast);
          let expected = false;
          try {
            expected = alone(contextOf(BURN, [])) === true;
          } catch (error) {
            if (!(error instanceof EvaluationError)) throw error;
            unknown++;
          }
          expect([text, compiled.evaluate(BURN).length === 1]).toEqual([text, expected]);
          if (expected) fired++;
        },
      ),
      { numRuns: 1500 },
    );
    expect(fired).toBeGreaterThan(100);
    expect(unknown).toBeGreaterThan(100);
  });
});

describe('a rule that fired', () => {
  it('shows the facts that it names, and no personal one', () => {
    const [fired] = rulesOf(
      'ip != "" && points > 5000 && type == "burn" && limits["burn-count-hour"].used > 3 && "ip" in lists.watch && device.userAgent != "" && network.dataCentre',
    ).evaluate(BURN);
    expect(fired?.facts).toEqual({
      points: 6000,
      type: 'burn',
      'limits.burn-count-hour.used': 4,
      'lists.watch': 'device,ip',
      'network.dataCentre': 'true',
    });
  });

  it('is answered beside the others, in their order', () => {
    const fired = rulesOf('points > 1', 'points > 9999', 'type == "burn"').evaluate(BURN);
    expect(fired.map(({ rule }) => rule.id)).toEqual(['r0', 'r2']);
  });

  it('depends on nothing but the facts', () => {
    const rules = rulesOf('externalSignals.exists(s, s.score > 90) && points > 5000');
    const before = JSON.stringify(BURN);
    expect(
      [rules.evaluate(BURN), rules.evaluate({ ...BURN, points: 1 }), rules.evaluate(BURN)].map((f) => f.length),
    ).toEqual([1, 0, 1]);
    expect(JSON.stringify(BURN)).toBe(before);
  });
});

describe('a condition that is refused', () => {
  it.each([
    ['points > "many"', 0, 'number > text'],
    ['points', 0, 'true or false, this is number'],
    ['type == "burn" && acount.ageDays < 1', 18, 'unknown fact acount.ageDays'],
    ['account.age < 1', 0, 'account.ageDays'],
    ['account', 0, 'group of facts'],
    ['type == "brun"', 8, 'earn, burn, transfer, adjust'],
    ['"brun" != type', 0, 'earn, burn, transfer, adjust'],
    ['channel in ["web", "fax"]', 19, 'call_center'],
    ['"acount" in lists.block', 0, 'email_domain'],
    ['"account" in lists.grey', 13, 'lists.block'],
    ['limits["no-such"].used > 1', 0, 'burn-count-hour'],
    ['limits["plain"].usd > 1', 0, 'used, cap, remaining'],
    ['limits["plain"] == limits["plain"]', 0, 'fact of the limit'],
    ['limits[accountId].used > 1', 0, 'limits["id"]'],
    ['limits.used > 1', 0, 'limits["id"]'],
    ['size(limits) > 0', 5, 'limits["id"]'],
    ['account["tier"] == "gold"', 0, '[ ]'],
    ['externalSignals[0].score > 1', 0, '[ ]'],
    ['device.userAgent.matches("(a+)+$")', 0, 'glob'],
    ['device.userAgent.split(",").size() > 1', 0, 'startsWith'],
    ['timestamp("2026-01-01T00:00:00Z") < timestamp("2027-01-01T00:00:00Z")', 0, 'unknown function timestamp'],
    ['holds(points > 1)', 0, 'unknown function holds'],
    ['points > 1) && (points > 1', 10, 'expected CEL'],
    ['points > 1, points > 2', 10, 'expected CEL'],
    ['dyn(points) > 1', 0, 'unknown function dyn'],
    ['cel.bind(x, 1, x > 0)', 0, 'cel'],
    ['google.protobuf.Timestamp == google.protobuf.Timestamp', 0, 'google'],
    ['transactionType == "burn"', 0, 'unknown fact transactionType'],
    ['int == int', 0, 'unknown fact int'],
    ['[1, 2].exists(x, x > 1)', 0, 'externalSignals'],
    ['lists.block.exists(x, x == "account")', 0, 'externalSignals'],
    ['externalSignals.exists(s, externalSignals.exists(t, t.score > s.score))', 26, 'inside another loop'],
    ['externalSignals.exists(points, points.score > 1)', 23, 'another name'],
    ['externalSignals.exists(s, s.colour == "red")', 27, 'colour'],
    ['externalSignals.exists(s.score > 1)', 0, 'exists(signal'],
    ['points > null', 9, 'null'],
    ['b"a" == b"a"', 0, 'bytes'],
    ['{"a": 1}.size() > 0', 1, 'maxMapEntries'],
    ['has(channel)', 4, 'known(channel)'],
    ['has(points > 1)', 4, 'expects a fact'],
    ['known(known(channel))', 6, 'expects a fact'],
    ['type == "burn" &&', 16, 'expected CEL'],
    ['type = "burn"', 5, 'expected CEL'],
    ['', 0, 'expected CEL'],
    ['points > 1; points > 2', 10, 'expected CEL'],
    ['account.tier > 5', 0, 'text > number'],
    ['network.dataCentre == "yes"', 0, 'truth == text'],
    ['!points', 0, 'number'],
    ['__proto__ == 1', 0, '__proto__'],
    ['constructor == 1', 0, 'constructor'],
  ])('%s', (when, at, part) => {
    const fault = faultOf(when);
    expect(fault.message).toContain(part);
    expect(Math.abs(fault.at - at), `at ${fault.at}`).toBeLessThanOrEqual(8);
    expect(fault.at).toBeLessThanOrEqual(when.length);
  });

  it.each([
    ['parentheses', `${'('.repeat(999)}points > 1${')'.repeat(990)}`],
    ['open parentheses', '('.repeat(2000)],
    ['negations', `${'!'.repeat(1980)}(points > 1)`],
    ['minus signs', `${'-'.repeat(1980)}points > 1`],
    ['lists', `${'['.repeat(990)}${']'.repeat(990)} == []`],
    ['ternaries', `${'true ? '.repeat(280)}true`],
    ['members', `account${'.a'.repeat(990)} == 1`],
    ['a sum', `points > ${'1+'.repeat(990)}1`],
    ['alternatives', Array.from({ length: 150 }, () => 'points > 1').join('||')],
    ['calls', `${'size('.repeat(300)}accountId${')'.repeat(300)} > 1`],
    ['elements', `points in [${'1,'.repeat(900)}1]`],
  ])('for its %s, before they cost anything', (_, when) => {
    expect(when.length).toBeLessThanOrEqual(2000);
    expect(faultOf(when).message).not.toBe('');
  });

  it('tells all unknown names at once', () => {
    const compiled = compileRules([ruleOf('foo == 1 && bar == 2'), ruleOf('points > 1'), ruleOf('baz')], LIMITS);
    expect('faults' in compiled && compiled.faults.map(({ index, at }) => [index, at])).toEqual([
      [0, 0],
      [0, 12],
      [2, 0],
    ]);
  });
});

it('a set of rules says which facts it asks for, also in loops and branches', () => {
  const { facts } = rulesOf(
    'externalSignals.exists(s, s.code == channel) ? has(account.tier) : known(storeId)',
    'limits["plain"].used > 1 && type == "burn"',
  );
  expect(facts).toEqual(new Set(['externalSignals', 'channel', 'account.tier', 'storeId', 'type']));
});

it('whatever a condition is and whatever is known, nothing is thrown', () => {
  const words = [
    ...Object.keys(FACTS),
    'limits["plain"].used',
    'externalSignals',
    'externalSignals.exists(s, s.score',
    'known(',
    'has(',
  ];
  const signs = [
    '==',
    '!=',
    '<',
    '>=',
    '&&',
    '||',
    '!',
    '(',
    ')',
    '+',
    '-',
    '*',
    '/',
    '%',
    '?',
    ':',
    'in',
    '[',
    ']',
    ',',
    '.',
    '"',
    'true',
  ];
  const values = ['1', '0', '1.5', '"burn"', '-1', '9223372036854775807', '1e308', '5u', 'null', '"x".glob("*")'];
  const texts = oneof(
    constantFrom(...words),
    constantFrom(...signs),
    constantFrom(...values),
    string({ maxLength: 3 }),
  );
  const all: Facts = { ...BURN, 'account.balance': 0, 'account.tier': '', channel: 'web', points: Number.NaN };
  let good = 0;
  assert(
    property(array(texts, { maxLength: 9 }), (parts) => {
      const compiled = compileRules([ruleOf(parts.join(' '))], LIMITS);
      if ('faults' in compiled) return;
      good++;
      for (const facts of [BURN, all, {}]) expect(compiled.evaluate(facts).length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 20_000 },
  );
  expect(good).toBeGreaterThan(20);
});
