/** The fields of a decision request that a mapping can fill, and how a value of a file becomes one of them. */
import { parseTimeMs } from './times.js';

export type FieldKind = 'text' | 'integer' | 'number' | 'time' | 'list';

/** Field → kind; dots lead into nested objects. */
export const REQUEST_FIELDS: ReadonlyMap<string, FieldKind> = new Map<string, FieldKind>([
  ['transactionId', 'text'],
  ['accountId', 'text'],
  ['type', 'text'],
  ['points', 'integer'],
  ['direction', 'text'],
  ['counterpartyAccountId', 'text'],
  ['occurredAt', 'time'],
  ['activity.kind', 'text'],
  ['activity.campaignId', 'text'],
  ['activity.orderId', 'text'],
  ['activity.amount.amount', 'integer'],
  ['activity.amount.currency', 'text'],
  ['channel', 'text'],
  ['partnerId', 'text'],
  ['storeId', 'text'],
  ['franchiseId', 'text'],
  ['employeeId', 'text'],
  ['employeeAccountId', 'text'],
  ['instrumentId', 'text'],
  ['device.id', 'text'],
  ['device.userAgent', 'text'],
  ['ip', 'text'],
  ['location.lat', 'number'],
  ['location.lon', 'number'],
  ['authentication.method', 'text'],
  ['authentication.at', 'time'],
  ['reward.id', 'text'],
  ['reward.category', 'text'],
  ['reward.value.amount', 'integer'],
  ['reward.value.currency', 'text'],
  ['recipient.email', 'text'],
  ['account.createdAt', 'time'],
  ['account.tier', 'text'],
  ['account.balance', 'integer'],
  ['account.credentialsChangedAt', 'time'],
  ['externalSignals', 'list'],
  ['accepts', 'list'],
  ['onHoldEnd', 'text'],
]);

export const REQUIRED_FIELDS = ['transactionId', 'accountId', 'type', 'points'] as const;

/** What a field says in messages that it takes. */
export const KIND_NAMES: Record<FieldKind, string> = {
  text: 'text',
  integer: 'a whole number',
  number: 'a number',
  time: 'a time like 2018-04-01T00:00:31Z',
  list: 'a list',
};

/** A number as files write it. One with leading zeros is an identifier: as a number it would lose them. */
const NUMBER = /^-?(?:0|[1-9]\d*)(\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * The number that a text is, else undefined. All are doubles, so that a column does not change its arithmetic from row
 * to row (57 / 100 is 0.57, as 57.0 / 100 is); only integers past 2^53, which a double would round, are bigints.
 */
export function numberOf(text: string): number | bigint | undefined {
  if (!NUMBER.test(text)) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(text)) return Number.isFinite(value) ? value : undefined;
  return text.length <= 19 ? BigInt(text) : undefined;
}

/** Empty cells, and what a row lacks, are absent: a request never carries null. */
export const isAbsent = (value: unknown): boolean => value === undefined || value === null || value === '';

/** The request's form of a value, or undefined where it cannot be one. */
export const FIELD_VALUES: Record<FieldKind, (value: unknown) => unknown> = {
  text: textOf,
  integer: integerOf,
  number: doubleOf,
  time: (value) => {
    const atMs = value instanceof Date ? value.getTime() : typeof value === 'string' ? parseTimeMs(value) : undefined;
    return atMs === undefined || Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
  },
  list: (value) => (Array.isArray(value) ? plain(value) : undefined),
};

/** 4.35 * 100 is 434.99999999999994 in a double: what a double cannot tell from a whole number is one. */
const NOISE = 1e-12;

function integerOf(value: unknown): number | undefined {
  const number = doubleOf(value) ?? Number.NaN;
  const nearest = Math.round(number);
  return Number.isSafeInteger(nearest) && Math.abs(number - nearest) <= NOISE * Math.abs(number) ? nearest : undefined;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (value instanceof Date) return value.toISOString();
  return ['number', 'bigint', 'boolean'].includes(typeof value) ? String(value) : undefined;
}

function doubleOf(value: unknown): number | undefined {
  const number = typeof value === 'string' ? numberOf(value.trim()) : value;
  if (typeof number === 'bigint') return Number(number);
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** CEL's values as JSON has them: its integers are bigints, its times Dates, its maps may be Maps. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, member]) => [String(key), plain(member)]));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  }
  return value;
}
