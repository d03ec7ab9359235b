/** What a simulation has shown, for people (80 columns) and for scripts. */
import type { Assessment, AttackFigures } from '../../simulator/core/assessment.js';
import type { SimulationOptions } from '../../simulator/core/simulation.js';
import { ATTACK_KINDS } from '../../simulator/core/transaction.js';
import { OUTCOMES } from '../replay/tally.js';
import type { SimulationTally } from './tally.js';

export const count = (value: number): string => value.toLocaleString('en-US');

export const percent = (share: number | null, digits = 1): string =>
  share === null ? '–' : `${(share * 100).toFixed(digits)} %`;

/** The table of attacks: what they would have taken out of the program, and what left it. */
export function attackLines({ byKind, all }: Assessment): string[] {
  const kinds = ATTACK_KINDS.filter((kind) => byKind[kind].attacks > 0);
  return [
    attackRow('attack', ['attacks', 'requests', 'at stake', 'left', 'stopped']),
    ...kinds.map((kind) => attackRow(kind, attackCells(byKind[kind]))),
    attackRow('all', attackCells(all)),
  ];
}

const attackCells = ({ attacks, transactions, atStakePoints, leftPoints, stoppedShare }: AttackFigures): string[] => [
  ...[attacks, transactions, atStakePoints, leftPoints].map(count),
  percent(stoppedShare),
];

const WIDTHS = [8, 10, 13, 13, 10];
const attackRow = (name: string, cells: readonly string[]): string =>
  [name.padEnd(22), ...cells.map((cell, at) => cell.padStart(WIDTHS[at] ?? 0))].join('');

/** How many good members were in the way of a policy. */
export const botheredLine = (assessment: Assessment): string =>
  `members bothered: ${count(assessment.botheredMembers)} of ${count(assessment.members)}` +
  ` (${percent(assessment.botheredShare, 2)}), in ${count(assessment.botheredTransactions)}` +
  ` of ${count(assessment.memberTransactions)} transactions`;

export const outcomesText = ({ outcomes }: SimulationTally): string =>
  OUTCOMES.map((outcome) => `${outcome} ${count(outcomes[outcome])}`).join(' · ');

/** The end of `pointguard simulate` for people. */
export function reportLines(options: Required<SimulationOptions>, tally: SimulationTally): string[] {
  const assessment = tally.assessment();
  const bothered = [...(tally.reasons.get('member') ?? [])].sort(([, a], [, b]) => b - a);
  return [
    `seed ${options.seed} · ${count(options.size)} members · ${options.days} days · mimicry ${options.mimicry} · ${count(tally.sent)} transactions`,
    outcomesText(tally),
    '',
    ...attackLines(assessment),
    '',
    botheredLine(assessment),
    ...bothered.slice(0, 5).map(([code, times]) => `  ${count(times).padStart(6)}  ${code}`),
  ];
}

/** The same for scripts, and the reasons of every class. */
export const reportJson = (options: Required<SimulationOptions>, tally: SimulationTally): string =>
  JSON.stringify(
    {
      ...options,
      transactions: tally.sent,
      outcomes: tally.outcomes,
      ...tally.assessment(),
      reasons: Object.fromEntries([...tally.reasons].map(([name, counts]) => [name, Object.fromEntries(counts)])),
    },
    undefined,
    2,
  );
