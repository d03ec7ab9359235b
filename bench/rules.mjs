// What rules cost a decision, in µs: `npm run build && npm exec -- node bench/rules.mjs`. The bound: 200 rules under 1000 µs.
import { readFileSync } from 'node:fs';
import { parsePolicy } from '../dist/policy/core/policy.schema.js';
import { compileRules } from '../dist/policy/core/rules.js';

const ROUNDS = 9;
const DECISIONS = 400;

const FACTS = {
  type: 'burn',
  points: 6000,
  accountId: 'member-7731',
  channel: 'app',
  ip: '203.0.113.17',
  'account.ageDays': 400,
  'account.credentialsAgeHours': 900,
  'account.balance': 9000,
  'account.balanceShare': 0.67,
  'device.userAgent': 'Loyalty/4.1 (iOS 19)',
  'network.country': 'FR',
  'network.dataCentre': false,
  'reward.category': 'voucher',
  externalSignals: Array.from({ length: 20 }, (_, i) => ({ source: 'bots', code: `c${i}`, score: i })),
  limits: Object.fromEntries(
    Array.from({ length: 32 }, (_, i) => [
      `limit-${i}`,
      { used: i, cap: 50, remaining: 50 - i, share: i / 50, breached: false },
    ]),
  ),
};

/** Two hundred rules of one kind; each differs from the others, as those of a policy do. */
const KINDS = {
  'the contract’s example': (i) => `type == "burn" && account.credentialsAgeHours < ${24 + i} && points > 5000`,
  'all facts looked at': (i) =>
    `points > ${i} && account.ageDays > 1 && network.country == "FR" && channel == "app" && points > 9000`,
  'a limit and a list': (i) => `limits["limit-${i % 32}"].share > 0.9 && type in ["burn", "transfer"]`,
  texts: (i) => `device.userAgent.lowerAscii().glob("*bot-${i}*") || reward.category.contains("gift")`,
  'absent facts': (i) => `account.tier == "gold" && points > ${i}`,
  'absent on one side of ||': (i) => `account.tier == "gold" || points > ${9000 + i}`,
  'twenty external signals': (i) => `externalSignals.exists(s, s.source == "bots" && s.score > ${80 + (i % 20)})`,
};

/** Median of several rounds; µs a decision. */
function cost(rules) {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    for (let i = 0; i < DECISIONS; i++) rules.evaluate(FACTS);
    return ((performance.now() - start) * 1000) / DECISIONS;
  });
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}

const limitIds = new Set(Object.keys(FACTS.limits));
for (const [kind, when] of Object.entries(KINDS)) {
  const rules = Array.from({ length: 200 }, (_, i) => ({ id: `r${i}`, when: when(i), outcome: 'review', reason: 'r' }));
  const start = performance.now();
  const compiled = compileRules(rules, limitIds);
  const read = (performance.now() - start) * 1000;
  console.log(`200 rules, ${kind}: ${cost(compiled).toFixed(0)} µs a decision (read in ${read.toFixed(0)} µs)`);
}
const { policy } = parsePolicy(readFileSync(new URL('../policies/default.yaml', import.meta.url), 'utf8'));
console.log(
  `policies/default.yaml, ${policy.rules.rules.length} rules: ${cost(policy.rules).toFixed(1)} µs a decision`,
);
