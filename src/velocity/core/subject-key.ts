/**
 * Keys of rows, in lowercase hex. A row's key is the name of its subject (16 bytes of a keyed hash over program, kind
 * and value), then one byte for the slot; of a distinct row the slot has its high bit set and the kind of the members
 * follows. The numbers are in the record for ever: append to these tables, never reorder or reuse.
 */
import type { LimitType, SubjectKind } from '../../policy/core/policy.js';
import { type Member, MEMBER_HEX_LENGTH } from './distinct.js';

const SLOT_NUMBERS = {
  earn: 1,
  burn: 2,
  transfer: 3,
  'adjust-credit': 4,
  'adjust-debit': 5,
  registration: 6,
} as const;

/** What a row is kept for: a type of movement, `adjust` by its direction. */
export type Slot = keyof typeof SLOT_NUMBERS;

const KIND_NUMBERS: Record<SubjectKind, number> = {
  account: 1,
  cluster: 2,
  device: 3,
  ip: 4,
  network: 5,
  instrument: 6,
  address: 7,
  partner: 8,
  store: 9,
  employee: 10,
  counterparty: 11,
  franchise: 12,
  campaign: 13,
  reward: 14,
  referrer: 15,
  program: 16,
};

/** The slots whose rows count for a type. */
export const SLOTS_OF: Record<LimitType, readonly Slot[]> = {
  earn: ['earn'],
  burn: ['burn'],
  transfer: ['transfer'],
  adjust: ['adjust-credit', 'adjust-debit'],
  registration: ['registration'],
};

const DISTINCT = 0x80;
const NAME_LENGTH = 32;
const DISTINCT_KEY_LENGTH = NAME_LENGTH + 4;

const hexByte = (value: number): string => value.toString(16).padStart(2, '0');

/** The slot's byte, in hex: made once, since every decision makes dozens of keys. */
const SLOT_HEX = new Map(Object.entries(SLOT_NUMBERS).map(([slot, number]) => [slot, hexByte(number)]));
const DISTINCT_HEX = new Map(Object.entries(SLOT_NUMBERS).map(([slot, number]) => [slot, hexByte(number | DISTINCT)]));

/** Key of the window row of a subject, by its name (32 hex). */
export const windowKey = (name: string, slot: Slot): string => name + SLOT_HEX.get(slot)!;

/** Key of the row that tells apart who used a subject. */
export const distinctKey = (name: string, slot: Slot, distinctOf: SubjectKind): string =>
  name + DISTINCT_HEX.get(slot)! + hexByte(KIND_NUMBERS[distinctOf]);

export const isDistinctKey = (key: string): boolean =>
  (Number.parseInt(key.slice(NAME_LENGTH, NAME_LENGTH + 2), 16) & DISTINCT) > 0;

/**
 * What a decision records of its entry in a row, so that it can be given back without knowing any name again: the row's
 * key, and for a distinct row the member behind it, since a use that left the log is found by its member alone.
 */
export type EntryKey = string;

/** The member that stands for a subject: half of its name. Among the few hundred of a row, 8 bytes do not meet. */
export const memberOf = (name: string): Member => name.slice(0, MEMBER_HEX_LENGTH);

export const distinctEntryKey = (rowKey: string, member: Member): EntryKey => rowKey + member;

/** The row of an entry. */
export const rowKeyOf = (key: EntryKey): string => (isDistinctKey(key) ? key.slice(0, DISTINCT_KEY_LENGTH) : key);

/** The member of an entry in a distinct row. */
export const memberBehind = (key: EntryKey): Member => key.slice(DISTINCT_KEY_LENGTH);
