/**
 * Every reason that a decision can have. `message` is for analysts. What the member reads depends on the outcome alone:
 * a text of its own for each reason would let a member infer the limit or the signal behind it.
 */
import type { Outcome } from '../../policy/core/policy.js';
import type { Reason } from './decision.js';

export const REASONS = {
  'limit.*': 'A limit of the policy has no room; the code ends with the limit’s id',
  'rule.*': 'A rule of the policy fired; the code ends with the rule’s id, the detail has the facts that it asked for',
  'list.block': 'A subject of the request stands on the block list',
  'list.allow': 'A subject of the request stands on the allow list: nothing soft counts against it',
  'list.watch': 'A subject of the request stands on the watch list',
  'signal.degraded': 'A signal could not be read in time; the policy says what that means',
  'holds.too_many': 'The account has too many open holds',
  'step_up.unavailable': 'A challenge is due, but the caller cannot show one or the account has no factor',
  'review.not_accepted': 'A review is due, but the caller does not accept one',
  'transaction.cancelled': 'The transaction was cancelled before it was asked for',
  'ledger.late_commit': 'Committed after its hold had ended: counted as a fact',
  'test.outcome': 'The outcome was asked for by a test',
} as const;

type FixedCode = Exclude<keyof typeof REASONS, `${string}.*` | `list.${string}`>;

/** A reason of the table. */
export const reason = (code: FixedCode, weight: number, detail: Reason['detail'] = {}): Reason => ({
  code,
  message: REASONS[code],
  weight,
  detail,
});

export type Language = 'fr' | 'en' | 'de';

/** What the member may be told, by outcome: neither limit nor signal. */
export const CUSTOMER_MESSAGES: Record<Outcome, Record<Language, string>> = {
  allow: {
    fr: 'Votre demande est acceptée.',
    en: 'Your request is accepted.',
    de: 'Ihre Anfrage ist angenommen.',
  },
  challenge: {
    fr: 'Merci de confirmer que c’est bien vous.',
    en: 'Please confirm that it is you.',
    de: 'Bitte bestätigen Sie, dass Sie es sind.',
  },
  review: {
    fr: 'Nous vérifions votre demande. Vous n’avez rien à faire.',
    en: 'We are checking your request. You do not need to do anything.',
    de: 'Wir prüfen Ihre Anfrage. Sie müssen nichts tun.',
  },
  deny: {
    fr: 'Cette demande n’a pas pu aboutir. Le service client de votre programme peut vous aider.',
    en: 'This request could not be completed. Your programme’s member service can help.',
    de: 'Diese Anfrage konnte nicht ausgeführt werden. Der Mitgliederservice Ihres Programms hilft gern.',
  },
};
