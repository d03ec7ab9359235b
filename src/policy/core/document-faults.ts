/** What no single value of a policy document shows: how keys go together, ids, and the conditions of rules. */
import type { LimitDocument, PolicyDocument, RuleDocument } from './document.schema.js';
import { LARGEST_DISTINCT_CAP, type LimitType, type SubjectKind } from './policy.js';
import type { Path } from './policy-source.js';

export interface Fault {
  path: Path;
  message: string;
  /** It is the key that is wrong. */
  ofKey?: boolean;
  /** Of a text: the offset of the part that is wrong; in characters, from 0. */
  at?: number;
}

export function documentFaults({ scoreBands, limits, rules }: PolicyDocument): Fault[] {
  const faults: Fault[] = [];
  const { challenge, review, deny } = scoreBands;
  if (challenge > review || review > deny) {
    const message = `expected challenge ≤ review ≤ deny, was given ${challenge}, ${review}, ${deny}`;
    faults.push({ path: ['scoreBands'], message });
  }
  return [...faults, ...listFaults('limits', limits, LIMIT_CHECKS), ...listFaults('rules', rules, RULE_CHECKS)];
}

type Check<D> = [broken: (entry: D) => boolean, key: keyof D & string, message: (entry: D) => string];

function listFaults<D extends { id: string }>(
  list: string,
  entries: readonly D[],
  checks: readonly Check<D>[],
): Fault[] {
  const faults: Fault[] = [];
  const firstWithId = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    for (const [broken, key, message] of checks) {
      if (broken(entry)) faults.push({ path: [list, index, key], message: message(entry) });
    }
    const first = firstWithId.get(entry.id);
    if (first === undefined) firstWithId.set(entry.id, index);
    else faults.push({ path: [list, index, 'id'], message: `"${entry.id}" is the id of ${list}[${first}], too` });
  }
  return faults;
}

const RULE_CHECKS: readonly Check<RuleDocument>[] = [
  [
    (r) => r.outcome === 'score' && r.weight === undefined,
    'weight',
    () => 'outcome: score needs a weight from 1 to 100',
  ],
  [(r) => r.outcome !== 'score' && r.weight !== undefined, 'weight', () => 'a weight belongs to outcome: score only'],
];

/** Subjects that only some types have: a limit on another type would never count, and nobody would notice. */
const ONLY_WITH: Partial<Record<SubjectKind, LimitType>> = {
  address: 'registration',
  referrer: 'registration',
  counterparty: 'transfer',
};

const LIMIT_CHECKS: readonly Check<LimitDocument>[] = [
  [
    (l) => l.kind === 'hard' && l.onBreach !== undefined,
    'onBreach',
    () => 'a hard limit denies: onBreach belongs to soft ones',
  ],
  [
    (l) => l.kind === 'soft' && l.onBreach === undefined,
    'onBreach',
    () => 'a soft limit needs challenge, review or score',
  ],
  [
    (l) => l.onBreach === 'score' && l.weight === undefined,
    'weight',
    () => 'onBreach: score needs a weight from 1 to 100',
  ],
  [(l) => l.onBreach !== 'score' && l.weight !== undefined, 'weight', () => 'a weight belongs to onBreach: score only'],
  [
    (l) => l.metric === 'distinct' && l.distinctOf === undefined,
    'distinctOf',
    () => 'metric distinct needs what it tells apart',
  ],
  [(l) => l.metric !== 'distinct' && l.distinctOf !== undefined, 'distinctOf', () => 'belongs to metric distinct only'],
  [
    (l) => l.distinctOf === l.subject,
    'distinctOf',
    (l) => `a ${l.subject} is always one ${l.subject}: name another subject`,
  ],
  [
    (l) => l.metric === 'distinct' && l.cap > LARGEST_DISTINCT_CAP,
    'cap',
    (l) =>
      `expected at most ${LARGEST_DISTINCT_CAP} with metric distinct, since so many members are remembered; was given ${l.cap}`,
  ],
  [
    (l) => l.refundable && l.metric !== 'count',
    'refundable',
    () => 'belongs to metric count only: a reversal gives points back anyway',
  ],
  [(l) => lacksSubject(l, l.subject), 'subject', (l) => onlyWith(l.subject)],
  [
    (l) => l.distinctOf !== undefined && lacksSubject(l, l.distinctOf),
    'distinctOf',
    (l) => onlyWith(l.distinctOf ?? l.subject),
  ],
];

const lacksSubject = ({ types }: LimitDocument, kind: SubjectKind): boolean => {
  const only = ONLY_WITH[kind];
  return only !== undefined && types.some((type) => type !== only);
};

const onlyWith = (kind: SubjectKind): string =>
  `${kind} is known of type ${ONLY_WITH[kind]} only: expected types: [${ONLY_WITH[kind]}]`;
