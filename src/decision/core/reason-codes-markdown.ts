import { OUTCOMES } from './decision.js';
import { CUSTOMER_MESSAGES, REASONS } from './reasons.js';

/** `docs/reason-codes.md`: every reason that a decision can have, and what the member may be told. */
export const reasonCodesMarkdown = (): string =>
  [
    '# Reason codes',
    '',
    'Generated from `src/decision/core/reasons.ts`. A decision carries its reasons, heaviest first; clients ignore codes',
    'that they do not know. `message` is for analysts. `customerMessage` depends on the outcome alone, so that no member',
    'can infer the limit or the signal behind it.',
    '',
    '| code | |',
    '|---|---|',
    ...Object.entries(REASONS).map(([code, message]) => `| \`${code}\` | ${message} |`),
    '',
    '| outcome | fr | en | de |',
    '|---|---|---|---|',
    ...OUTCOMES.map((outcome) => {
      const { fr, en, de } = CUSTOMER_MESSAGES[outcome];
      return `| \`${outcome}\` | ${fr} | ${en} | ${de} |`;
    }),
    '',
  ].join('\n');
