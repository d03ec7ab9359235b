import { EXTERNAL_SIGNAL_FACTS, type Fact, FACTS, LIMIT_FACTS } from './facts.js';
import { type JsonSchema, policySchema } from './policy-json-schema.js';
import { DEGRADABLE_SIGNALS, DEGRADED_ENDS, TRANSACTION_TYPES } from './policy.js';
import { LONGEST_CONDITION, MOST_RULES } from './rules.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;

/** What a value can be, in words. */
function valuesOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(' ');
  if (schema.type === 'array') return schema.items?.enum ? `list of ${valuesOf(schema.items)}` : 'list';
  if (schema.type === 'integer')
    return `${schema.minimum} to ${schema.maximum === Number.MAX_SAFE_INTEGER ? '2^53 − 1' : schema.maximum}`;
  if (schema.type === 'boolean') return '`true` `false`';
  if (schema.type === 'object') return 'see below';
  if (schema.pattern?.startsWith('^P')) return 'duration, ISO 8601';
  return 'text';
}

function keyRows({ properties = {}, required = [] }: JsonSchema): string[] {
  return Object.entries(properties).map(([key, schema]) => {
    const byDefault = required.includes(key) ? '*required*' : schema.default === undefined ? '—' : code(schema.default);
    return `| \`${key}\` | ${cell(valuesOf(schema))} | ${cell(schema.type === 'object' ? '—' : byDefault)} | ${cell(schema.description ?? '')} |`;
  });
}

const keyTable = (schema: JsonSchema | undefined): string[] => [
  '| key | values | default | |',
  '|---|---|---|---|',
  ...keyRows(schema ?? {}),
  '',
];

const TYPE_WORDS = { text: 'text', number: 'number', truth: 'true or false', names: 'list of texts' };

function factRow(path: string, fact: Fact): string {
  const type = fact.unit ? `${TYPE_WORDS[fact.type]}: ${fact.unit}` : TYPE_WORDS[fact.type];
  const values = fact.values ? `: ${fact.values.map(code).join(' ')}` : '';
  return `| \`${path}\` | ${cell(type)} | ${cell(fact.meaning + values)} | ${fact.absent ?? '—'} |`;
}

const factTable = (facts: Readonly<Record<string, Fact>>, prefix = ''): string[] => [
  '| fact | type | | absent when |',
  '|---|---|---|---|',
  ...Object.entries(facts).map(([path, fact]) => factRow(prefix + path, fact)),
  '',
];

function degradedTable({ properties = {} }: JsonSchema): string[] {
  const defaultOf = (signal: string, type: string) => code(properties[signal]?.properties?.[type]?.default);
  return [
    `| signal | ${TRANSACTION_TYPES.map(code).join(' | ')} |`,
    `|---${'|---'.repeat(TRANSACTION_TYPES.length)}|`,
    ...DEGRADABLE_SIGNALS.map(
      (signal) => `| \`${signal}\` | ${TRANSACTION_TYPES.map((type) => defaultOf(signal, type)).join(' | ')} |`,
    ),
    '',
  ];
}

/** `docs/policy.md`: every key of a policy and every fact of a condition, from the tables that documents are read by. */
export function policyMarkdown(): string {
  const { properties = {}, ...schema } = policySchema();
  return [
    '# Policy',
    '',
    'Generated from `src/policy/core/document.schema.ts` and `facts.ts`. One document per program, YAML or JSON, at most',
    '256 KiB. Unknown keys, aliases, anchors, tags and keys given twice are refused. Editors check by',
    '`policies/policy.schema.json`; `pointguard policy validate FILE` says all that is wrong, with line, column and path.',
    '`policies/default.yaml` is the policy that a new program starts with, each entry with its reason.',
    '',
    'A version is a draft until it is activated (`POST /v1/policy/versions`, `POST /v1/policy/versions/{n}/activate`, or',
    '`pointguard policy activate`). Every decision asked for after the answer is made under it, in every instance; no',
    'decision mixes two, and each says its `policyVersion`.',
    '',
    '## Keys',
    '',
    ...keyTable({ ...schema, properties }),
    '## `limits`',
    '',
    'At most 200. `network` is the /24 or /48 of `ip`; of a transfer `account` is the sender and `counterparty` the',
    'receiver; `address` and `referrer` belong to registrations. A hard limit denies; a soft one needs `onBreach`.',
    '',
    ...keyTable(properties.limits?.items),
    '## `rules`',
    '',
    `At most ${MOST_RULES}, with conditions of at most ${LONGEST_CONDITION} characters. All rules are looked at; the`,
    'strongest outcome wins, and weights of `outcome: score` add up to the score that `scoreBands` judge.',
    '',
    ...keyTable(properties.rules?.items),
    ...LANGUAGE,
    '### Facts of the transaction',
    '',
    ...factTable(FACTS),
    '### Facts of each limit, as `limits["id"].used`',
    '',
    'The limit must be one of the same document. Where it does not apply to the transaction (another type, or no such',
    'subject) its facts are absent.',
    '',
    ...factTable(LIMIT_FACTS, 'limits["id"].'),
    '### Facts of each of `externalSignals`',
    '',
    'At most 20, as the request has them: `externalSignals.exists(s, s.source == "bot-shield" && s.score >= 80)`.',
    '',
    ...factTable(EXTERNAL_SIGNAL_FACTS, 's.'),
    '## `scoreBands`',
    '',
    ...keyTable(properties.scoreBands),
    '## `degraded`',
    '',
    `What it means that a signal could not be read in time, by type: ${DEGRADED_ENDS.map(code).join(' ')}. Limits and`,
    'scores are read under the lock and never degrade. Where nothing is said:',
    '',
    ...degradedTable(properties.degraded ?? {}),
  ].join('\n');
}

const LANGUAGE = [
  '### Conditions',
  '',
  'Conditions are [CEL](https://cel.dev), parsed and type-checked when the document is read. There are `&&` `||` `!`',
  '`? :`, `==` `!=` `<` `<=` `>` `>=`, `in`, `+` `-` `*` `/` `%`, texts, numbers, `true`, `false` and lists. All numbers',
  'are of one kind: `points / 3` has fractions. A text that a fact can never be (`type == "brun"`) is refused.',
  '',
  '| function | |',
  '|---|---|',
  '| `has(account.tier)`, `known(channel)` | whether the fact is there; `has` is CEL’s and takes only facts with a dot, `known` takes all |',
  '| `t.contains("x")`, `t.startsWith("x")`, `t.endsWith("x")` | of texts |',
  '| `t.glob("*.example")` | the whole text, where `*` stands for any letters. Regular expressions are not offered: a hostile one costs exponential time |',
  '| `t.lowerAscii()`, `t.upperAscii()`, `t.trim()`, `size(t)` | of texts; `size` of lists, too |',
  '| `externalSignals.exists(s, …)`, `all`, `exists_one`, `filter`, `map` | over `externalSignals` only, and not one inside another |',
  '',
  '**A fact that is absent** is not zero, not empty and not false: every part of a condition that names it, between `&&`',
  '`||` `!` and `? :`, is unknown, and a rule fires only where its condition is true. As CEL has it, `false && unknown` is',
  'false, `true || unknown` is true and `!unknown` stays unknown. So `account.tier != "gold"` does not fire for an account',
  'whose tier nobody said; `!has(account.tier) || account.tier != "gold"` does, and so does',
  '`(has(account.tier) ? account.tier : "none") != "gold"`. An absent fact is never an error, nor is a division by zero.',
  '',
  'In YAML, put a condition in single quotes where it begins with `!` or `"` or has `: ` or ` #` in it.',
  '',
];
