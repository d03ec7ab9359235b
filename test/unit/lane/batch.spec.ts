import { describe, expect, test } from 'vitest';
import { BatchState, COMMITTED_KEPT_BATCHES, type LaneRow, laneRowOf } from '../../../src/platform/lane/batch.js';
import type { LaneTransaction, Slice } from '../../../src/platform/lane/lane.types.js';

const row = (more: Partial<LaneRow> = {}): LaneRow => ({
  seq: 7,
  batch: 3,
  nowMs: 1000,
  clockMs: null,
  began: false,
  committed: {},
  heads: {},
  recordNowMs: 2000,
  ...more,
});
function begun(more: Partial<LaneRow> = {}): BatchState {
  const batch = new BatchState(1);
  batch.begin(row(more));
  return batch;
}
const nowhere: LaneTransaction = { query: () => Promise.resolve([]) };

describe('time', () => {
  test.each([
    ['is the record’s', {}, 2000, 0],
    ['stands where the record’s clock was put back', { nowMs: 9000 }, 9000, 7000],
    ['is where a test program’s clock was put, ahead', { clockMs: 5_000_000 }, 5_000_000, 0],
    ['is where a test program’s clock was put, behind', { clockMs: 5, nowMs: 9000 }, 5, 0],
  ])('%s', (_, lane, nowMs, aheadMs) => {
    const batch = begun(lane);
    expect(batch.nowMs).toBe(nowMs);
    expect(batch.aheadMs).toBe(aheadMs);
    expect(batch.closing('me').nowMs).toBe(nowMs);
  });

  test('is unknown before the load', () => {
    expect(new BatchState(1).nowMs).toBeNaN();
    expect(() => new BatchState(1).nextSeq()).toThrow('the batch has no lock yet');
  });
});

describe('the lane row', () => {
  test('counts on from what was read, and says itself whether it changed', () => {
    const batch = begun();
    expect(batch.laneChanged).toBe(false);
    expect([batch.nextSeq(), batch.nextSeq()]).toEqual([8, 9]);
    expect(batch.laneChanged).toBe(true);
    expect(batch.closing('me')).toMatchObject({ seq: 9, batch: 4, committed: { me: 4 } });
  });

  test.each<[string, (batch: BatchState) => void]>([
    ['a head', (batch) => batch.setHead('audit', { seq: 1 })],
    ['a clock', (batch) => (batch.clockMs = 1)],
    ['a first transaction', (batch) => (batch.began = true)],
  ])('changes by %s', (_, change) => {
    const batch = begun();
    change(batch);
    expect(batch.laneChanged).toBe(true);
  });

  test('does not change by being told what it knows', () => {
    const batch = begun({ began: true });
    batch.began = true;
    expect(batch.laneChanged).toBe(false);
  });

  test('remembers each instance’s last batch for 10,000 batches', () => {
    const committed = { young: 3, oldest: 4 + 1 - COMMITTED_KEPT_BATCHES + 10_000, gone: 4 };
    const batch = begun({ batch: 10_003, committed });
    // this batch is number 10,004
    expect(batch.closing('me').committed).toEqual({ oldest: 5, me: 10_004 });
  });

  test('is read from PostgreSQL’s text', () => {
    expect(
      laneRowOf({
        seq: '9007199254740991',
        batch: '2',
        now_ms: '5',
        clock_ms: null,
        began: 't',
        committed: '{"a": 1}',
        heads: '{"audit": {"seq": 1}}',
        record_now_ms: '6',
      }),
    ).toEqual({
      seq: Number.MAX_SAFE_INTEGER,
      batch: 2,
      nowMs: 5,
      clockMs: null,
      began: true,
      committed: { a: 1 },
      heads: { audit: { seq: 1 } },
      recordNowMs: 6,
    });
  });
});

describe('slices', () => {
  const slice = (name: string, write: Slice<object>['write']): Slice<object> => ({ name, open: () => ({}), write });

  test('have one state a batch, and send only what they have', () => {
    const batch = begun();
    const silent = slice('silent', () => undefined);
    const telling = slice('telling', (_, transaction) => transaction.query({ name: 'x', text: 'x' }, []));
    expect(batch.use(silent)).toBe(batch.use(silent));
    expect(batch.use(silent)).not.toBe(batch.use(telling));
    expect(batch.write(nowhere)).toHaveLength(1);
    expect(batch.load(nowhere)).toEqual([]);
  });

  test('one that throws leaves no unhandled failure of the ones before it', async () => {
    const batch = begun();
    batch.use(slice('fails later', () => Promise.reject(new Error('lost'))));
    batch.use(
      slice('throws', () => {
        throw new RangeError('cannot be packed');
      }),
    );
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    expect(() => batch.write(nowhere)).toThrow('cannot be packed');
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });
});
