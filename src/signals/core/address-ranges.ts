/**
 * A set of address ranges, small enough to ship and fast enough for every decision.
 *
 * The set is the ascending list of the points where it begins and ends: an address is in it when an odd number of them lie
 * at or below it. Points are exact in a double: an IPv4 address is its 32 bits, an IPv6 address the 48 bits of its /48, the
 * smallest network that is routed between providers.
 */
import { ByteReader, ByteWriter } from '../../kernel/bytes.js';

/** From the first address to the one after the last. */
export type AddressRange = readonly [from: number, until: number];

/** Begin, end, begin, end …, ascending and all different. */
export type Boundaries = Float64Array;

/** Two kinds of networks whose addresses say little of the member behind them. `data/networks.yaml` says whose they are. */
export const NETWORK_KINDS = ['dataCentres', 'relays'] as const;
export type NetworkKind = (typeof NETWORK_KINDS)[number];

export const FAMILIES = ['ipv4', 'ipv6'] as const;
export type Family = (typeof FAMILIES)[number];

export type NetworkRanges = Record<NetworkKind, Record<Family, Boundaries>>;

/** Ranges in any order, adjacent and overlapping ones as one; empty ones are left out. */
export function boundariesOf(ranges: readonly AddressRange[]): Boundaries {
  const merged: number[] = [];
  for (const [from, until] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (from >= until) continue;
    const end = merged.at(-1);
    if (end === undefined || from > end) merged.push(from, until);
    else if (until > end) merged[merged.length - 1] = until;
  }
  return Float64Array.from(merged);
}

/** Whether the address lies in one of the ranges: about 16 comparisons among 50,000 boundaries. */
export function isWithin(boundaries: Boundaries, address: number): boolean {
  let low = 0;
  let high = boundaries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (boundaries[middle]! <= address) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 1;
}

const LAYOUT = 1;
/** Behind the last /48; also behind the last IPv4 address. */
const FARTHEST = 2 ** 48;

/** Behind a layout byte, each set: its count, and the distances between its boundaries as varints, about 2 bytes each. */
export function packRanges(ranges: NetworkRanges): Buffer {
  const writer = new ByteWriter().byte(LAYOUT);
  for (const kind of NETWORK_KINDS) {
    for (const family of FAMILIES) packBoundaries(writer, ranges[kind][family]);
  }
  return writer.finish();
}

function packBoundaries(writer: ByteWriter, boundaries: Boundaries): void {
  writer.unsigned(boundaries.length);
  boundaries.forEach((point, i) => writer.unsigned(point - (boundaries[i - 1] ?? 0)));
}

/** Reads what `packRanges` made. @throws RangeError where the bytes are anything else */
export function unpackRanges(bytes: Uint8Array): NetworkRanges {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== LAYOUT) throw new RangeError('address ranges have another layout');
  const set = () => unpackBoundaries(reader, bytes.length);
  const ranges = { dataCentres: { ipv4: set(), ipv6: set() }, relays: { ipv4: set(), ipv6: set() } };
  if (!reader.done) throw new RangeError('address ranges have bytes left over');
  return ranges;
}

function unpackBoundaries(reader: ByteReader, byteCount: number): Boundaries {
  const count = reader.unsigned();
  // a boundary takes a byte at least: damaged bytes must not ask for gigabytes. `!(a <= b)` also refuses NaN
  if (!(count <= byteCount) || count % 2 === 1) throw new RangeError('address ranges have a wrong count');
  const boundaries = new Float64Array(count);
  let point = 0;
  for (let i = 0; i < count; i++) {
    const distance = reader.unsigned();
    if (distance === 0 && i > 0) throw new RangeError('address ranges do not ascend');
    point += distance;
    if (!(point <= FARTHEST)) throw new RangeError('address ranges leave the address space');
    boundaries[i] = point;
  }
  return boundaries;
}
