import { describe, expect, it } from 'vitest';
import type { ListSnapshots } from '../../../src/lists/list-snapshots.js';
import { ListSnapshot, listSnapshots } from '../../../src/lists/list-snapshots.js';
import { entry, entryId } from './entries.js';

const HOUR_MS = 3_600_000;
const filled = (...numbers: number[]): ListSnapshot => {
  const snapshot = new ListSnapshot(1, 0);
  snapshot.takeIn(numbers.map((number) => entry(number)));
  return snapshot;
};
const isThere = (snapshot: ListSnapshot, number: number): boolean =>
  snapshot.index.namedBy(entry(number)).some((one) => one.entryId === entryId(number));

describe('a snapshot', () => {
  it('takes in what was added and what was removed', () => {
    const snapshot = filled(1, 2);
    snapshot.advance(
      1,
      4,
      [
        { entry: entry(1), removed: true },
        { entry: entry(3), removed: false },
      ],
      0,
    );
    expect([1, 2, 3].map((number) => isThere(snapshot, number))).toEqual([false, true, true]);
    expect(snapshot.version).toBe(4);
  });

  it('drops rows that were read for another version: they would bring back what was removed since', () => {
    const snapshot = filled(1);
    const late = [{ entry: entry(2), removed: false }];
    snapshot.advance(1, 3, [{ entry: entry(2), removed: true }], 0);
    snapshot.advance(1, 2, late, 0);
    expect([snapshot.version, isThere(snapshot, 2)]).toEqual([3, false]);
  });

  it('serves later versions and times only', () => {
    const snapshot = new ListSnapshot(5, 1000);
    expect(snapshot.servesAt(5, 1000)).toBe(true);
    expect(snapshot.servesAt(9, 2000)).toBe(true);
    expect(snapshot.servesAt(4, 1000)).toBe(false); // the record was restored to an earlier time
    expect(snapshot.servesAt(5, 999)).toBe(false); // a test program's clock was put back
  });

  it('loses what has expired once an hour, and then serves no earlier time', () => {
    const snapshot = new ListSnapshot(1, 0);
    snapshot.takeIn([entry(1, { expiresAtMs: 10 }), entry(2, { expiresAtMs: HOUR_MS + 1 }), entry(3)]);
    snapshot.advance(1, 2, [], HOUR_MS - 1);
    expect([snapshot.index.size, snapshot.servesAt(2, 5)]).toEqual([3, true]);
    snapshot.advance(2, 3, [], HOUR_MS);
    expect([snapshot.index.size, snapshot.servesAt(3, 5), snapshot.servesAt(3, HOUR_MS)]).toEqual([2, false, true]);
  });
});

describe('snapshots of many programs', () => {
  const known = (snapshots: ListSnapshots, most: number): number[] =>
    [...Array(most).keys()].filter((programId) => snapshots.get(programId));

  it('forgets the program that was not asked for longest, by entries', () => {
    const snapshots = listSnapshots({ mostEntries: 5 });
    for (const programId of [0, 1, 2]) snapshots.put(programId, filled(1, 2));
    expect(known(snapshots, 3)).toEqual([1, 2]);
    snapshots.get(1);
    snapshots.put(3, filled(1, 2));
    expect(known(snapshots, 4)).toEqual([1, 3]);
  });

  it('forgets by programs, too', () => {
    const snapshots = listSnapshots({ mostPrograms: 2 });
    for (const programId of [0, 1, 2]) snapshots.put(programId, filled());
    expect(known(snapshots, 3)).toEqual([1, 2]);
  });

  it('keeps the one in use, however large', () => {
    const snapshots = listSnapshots({ mostEntries: 1 });
    snapshots.put(0, filled(1));
    snapshots.put(1, filled(1, 2, 3));
    expect(known(snapshots, 2)).toEqual([1]);
  });

  it('counts a snapshot that was put again once, as large as it has become', () => {
    const snapshots = listSnapshots({ mostEntries: 4 });
    const grown = snapshots.put(0, filled(1));
    snapshots.put(1, filled(1, 2));
    grown.takeIn([entry(2), entry(3)]);
    snapshots.put(0, grown);
    expect(known(snapshots, 2)).toEqual([0]);
    expect(snapshots.get(0)).toBe(grown);
  });
});
