/** What an API client may do. A scope covers its `:read` form; nothing else covers anything. */
import { covers } from '../../kernel/scope.js';

interface Scope {
  about: string;
  /** Which forms there are: the scope itself, its `:read` form. */
  forms: readonly ('' | ':read')[];
}

const BOTH = ['', ':read'] as const;

const FAMILIES = {
  decisions: { about: 'ask for decisions; commit, cancel and reverse them', forms: BOTH },
  links: { about: 'redemption links', forms: BOTH },
  'links:url': { about: 'receive the URL of a new link instead of having it mailed', forms: [''] },
  'step-up': { about: 'factors and challenges', forms: BOTH },
  accounts: { about: 'restrictions, erasure and export of accounts', forms: BOTH },
  transactions: { about: 'what the ledger says happened', forms: BOTH },
  labels: { about: 'what turned out to be fraud, and what did not', forms: BOTH },
  lists: { about: 'block, allow and watch lists', forms: BOTH },
  events: { about: 'what happened, in order', forms: BOTH },
  cases: { about: 'what analysts review', forms: [':read'] },
  policy: { about: 'versions of the policy', forms: BOTH },
  webhooks: { about: 'where events are sent', forms: BOTH },
  audit: { about: 'the tamper-evident trail', forms: [':read'] },
  admin: { about: 'settings of the program', forms: BOTH },
} as const satisfies Record<string, Scope>;

/** Every scope by its name, with what it lets a client do. */
export const SCOPES: ReadonlyMap<string, string> = new Map(
  Object.entries(FAMILIES).flatMap(([family, { about, forms }]: [string, Scope]) =>
    forms.map((form): [string, string] => [family + form, form === ':read' ? `read: ${about}` : about]),
  ),
);

/** The scopes among those that do not exist, each once. */
export const unknownScopes = (scopes: Iterable<string>): string[] =>
  [...new Set(scopes)].filter((scope) => !SCOPES.has(scope));

/** Whether what was granted covers a scope that exists. */
export const grants = (granted: ReadonlySet<string>, wanted: string): boolean =>
  SCOPES.has(wanted) && covers(granted, wanted);
