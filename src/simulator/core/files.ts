/** A simulation as the lines of its two files: what a service is asked, and, kept apart from it, the truth. */
import { requestOf } from './request.js';
import type { SimulatedTransaction } from './transaction.js';

/** Monday, 5 January 2026: fixed, so that the files of a seed are the same whenever they are written. */
export const FILE_ORIGIN_MS = Date.UTC(2026, 0, 5);

export const TRANSACTIONS_FILE = 'transactions.ndjson';
export const TRUTH_FILE = 'truth.csv';

/** Lines of `transactions.ndjson`: bodies of `POST /v1/decisions` in the order of `occurredAt`. */
export function* transactionLines(transactions: readonly SimulatedTransaction[]): Generator<string> {
  for (const { draft } of transactions) yield JSON.stringify(requestOf(draft, FILE_ORIGIN_MS));
}

/** Lines of `truth.csv`, its header first. No value holds a comma or a quote. */
export function* truthLines(transactions: readonly SimulatedTransaction[]): Generator<string> {
  yield 'transactionId,accountId,class,attackId,valuePoints';
  for (const { draft, truth } of transactions) {
    yield [draft.transactionId, draft.account.accountId, truth.class, truth.attackId, truth.valuePoints].join(',');
  }
}
