/** What of a request goes where: what makes it the same transaction, what is personal, what limits count for. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../kernel/canonical-json.js';
import { networkOf } from '../../kernel/network.js';
import type { SubjectKind } from '../../policy/core/policy.js';
import type { DecisionRequest } from './decision.js';

/**
 * Fingerprint of the fields under which an id means the same transaction; the others may be worded anew in a repeat.
 * 32 hex letters.
 */
export function fingerprintOf(request: DecisionRequest): string {
  const { accountId, type, direction, points, counterpartyAccountId, partnerId, reward } = request;
  const same = { accountId, type, direction, points, counterpartyAccountId, partnerId, reward: reward?.id };
  return createHash('sha256').update(canonicalJson(same)).digest('hex').slice(0, 32);
}

/** The fields that identify a person or their place: sealed, and emptied on erasure. */
export interface PersonalFields {
  ip?: string;
  userAgent?: string;
  location?: DecisionRequest['location'];
  recipient?: DecisionRequest['recipient'];
}

export function splitPersonal(request: DecisionRequest): { open: DecisionRequest; personal: PersonalFields | null } {
  const { ip, location, recipient, device, ...rest } = request;
  const { userAgent, ...openDevice } = device ?? {};
  const personal: PersonalFields = {
    ...(ip !== undefined && { ip }),
    ...(userAgent !== undefined && { userAgent }),
    ...(location !== undefined && { location }),
    ...(recipient !== undefined && { recipient }),
  };
  const open: DecisionRequest = { ...rest, ...(device && { device: openDevice }) };
  return { open, personal: Object.keys(personal).length > 0 ? personal : null };
}

/** The request again, from what `splitPersonal` made of it. */
export function joinPersonal(open: DecisionRequest, personal: PersonalFields | null): DecisionRequest {
  if (!personal) return open;
  const { userAgent, ...rest } = personal;
  return { ...open, ...rest, ...(userAgent !== undefined && { device: { ...open.device, userAgent } }) };
}

/**
 * The value of each subject that a request names; those without are not there. `network` is the /24 or /48 of `ip`; an
 * account that is in no cluster is a cluster of its own; `address` and `referrer` come with registrations.
 */
export const SUBJECT_VALUES: { readonly [K in SubjectKind]?: (request: DecisionRequest) => string | undefined } = {
  account: (request) => request.accountId,
  cluster: (request) => request.accountId,
  device: (request) => request.device?.id,
  ip: (request) => request.ip,
  network: (request) => (request.ip === undefined ? undefined : networkOf(request.ip)),
  instrument: (request) => request.instrumentId,
  partner: (request) => request.partnerId,
  store: (request) => request.storeId,
  employee: (request) => request.employeeId,
  counterparty: (request) => request.counterpartyAccountId,
  franchise: (request) => request.franchiseId,
  campaign: (request) => request.activity?.campaignId,
  reward: (request) => request.reward?.id,
  program: () => '',
};
