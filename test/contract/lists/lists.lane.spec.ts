/** Lists under the lane: what one instance adds or removes holds for the next command of every other. */
import { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { commitmentOf } from '../../../src/audit/core/chain.js';
import { canonicalJson } from '../../../src/kernel/canonical-json.js';
import { idOf } from '../../../src/kernel/ids.js';
import type { ListEntry } from '../../../src/lists/core/list-entry.js';
import type { KeyRing } from '../../../src/platform/keys/key-ring.js';
import { ListService } from '../../../src/lists/list.service.js';
import { openListStore } from '../../../src/lists/list.store.js';
import { addListEntryCommand } from '../../../src/lists/list.commands.js';
import { type ListSlice, MOST_ENTRIES, MOST_OF_ONE_VALUE } from '../../../src/lists/list.slice.js';
import { inLists, type ListInstance, type ListsWorld, listsWorld, matching, newEntry, TESTER } from './lists-world.js';

const SALT = Buffer.alloc(16, 1);
const SECOND_MS = 1000;

/** Of a record that is not there. */
const deadPool = (): Pool => new Pool({ host: '127.0.0.1', port: 1 });

let world: ListsWorld;
let one: ListInstance;
let other: ListInstance;
let programId: number;

beforeAll(async () => {
  world = await listsWorld();
  [one, other] = [await world.open(), await world.open()];
});
beforeEach(async () => {
  programId = await world.addProgram();
});
afterAll(() => world.close());

const remove = (instance: ListInstance, { list, entryId }: ListEntry, reason = 'over') =>
  instance.service.remove({ programId, actor: TESTER }, list, idOf('lst', entryId), reason);
const listsOf = async (instance: ListInstance, values: object = { device: 'd' }): Promise<string[]> =>
  (await instance.match(values, programId)).map(({ list }) => list);
const moveClock = (nowMs: number) =>
  one.lanes.submit(
    programId,
    inLists(one.slice, (batch) => void (batch.clockMs = nowMs)),
  );
const storedRows = () =>
  world.database.query('select * from pointguard.list_entry where program_id = $1 order by entry_id', [programId]);
const auditRows = () =>
  world.database.query('select * from pointguard.audit where program_id = $1 order by seq', [programId]);

describe('two instances', () => {
  test('what one adds, the next command of the other honours; what one removes, too', async () => {
    expect([await listsOf(one), await listsOf(other)]).toEqual([[], []]);
    for (let turn = 0; turn < 3; turn++) {
      const entry = await one.add({}, programId);
      expect([await listsOf(other), await listsOf(one)]).toEqual([['block'], ['block']]);
      await remove(other, entry);
      expect([await listsOf(one), await listsOf(other)]).toEqual([[], []]);
    }
  });

  test('adds, removals and matches at once end in the same lists everywhere', async () => {
    const values = [...Array(20).keys()].map((n) => `d-${n}`);
    const entries = await Promise.all(values.map((value, n) => (n % 2 ? one : other).add({ value }, programId)));
    await Promise.all([
      ...entries.filter((_, n) => n % 3 === 0).map((entry, n) => remove(n % 2 ? one : other, entry)),
      ...values.map((device, n) => (n % 2 ? other : one).match({ device }, programId)),
      ...values.map((value) => one.add({ list: 'watch', value }, programId)),
    ]);
    const cold = await world.open();
    for (const [n, device] of values.entries()) {
      const expected = n % 3 === 0 ? ['watch'] : ['block', 'watch'];
      for (const instance of [one, other, cold]) expect(await listsOf(instance, { device })).toEqual(expected);
    }
  });

  test('an instance that starts now knows all that is in force', async () => {
    await one.add({}, programId);
    await remove(one, await one.add({ list: 'allow' }, programId));
    expect(await listsOf(await world.open())).toEqual(['block']);
    const warmed = await world.open();
    await warmed.service.warm(programId);
    expect(warmed.snapshots.get(programId)?.index.size).toBe(1);
    expect(await listsOf(warmed)).toEqual(['block']);
  });

  test('an instance that cannot read beforehand reads under the lock', async () => {
    await one.add({}, programId);
    const cold = await world.open();
    const store = openListStore(deadPool());
    const service = new ListService({ ...cold, lists: cold.slice, keys: {} as KeyRing, store });
    await service.warm(programId);
    expect(cold.snapshots.get(programId)).toBeUndefined();
    expect(await listsOf(cold)).toEqual(['block']);
  });

  test('an instance that reads while another changes misses nothing', async () => {
    const before = await Promise.all([...Array(8).keys()].map((n) => one.add({ value: `w-${n}` }, programId)));
    const cold = await world.open();
    await Promise.all([
      cold.service.warm(programId),
      ...before.slice(0, 4).map((entry) => remove(one, entry)),
      ...[...Array(4).keys()].map((n) => other.add({ value: `w-${n + 8}` }, programId)),
    ]);
    for (let n = 0; n < 12; n++) {
      expect(await listsOf(cold, { device: `w-${n}` }), `w-${n}`).toEqual(n < 4 ? [] : ['block']);
    }
  });
});

describe('one batch', () => {
  test('a command sees what the commands before it did, and not what comes after', async () => {
    const values = { device: 'd' };
    const look = (): Promise<string[]> =>
      one.lanes
        .submit(programId, { ...matching(one.slice, values), priority: 'background' })
        .then((found) => found.map(({ list }) => list));
    const add = addListEntryCommand(one.slice, { ...newEntry(), salt: SALT }, TESTER);
    const before = look();
    const added = one.lanes.submit(programId, add);
    const after = look();
    expect([await before, await after]).toEqual([[], ['block']]);
    await remove(one, (await added) as ListEntry);
    expect(await listsOf(one)).toEqual([]);
  });

  test('added and removed in the same batch: written once, with its reason, and in force nowhere', async () => {
    const command = inLists(one.slice, (batch) => {
      const lists = batch.use(one.slice);
      const added = addListEntryCommand(one.slice, { ...newEntry(), salt: SALT }, TESTER).step(batch) as ListEntry;
      lists.remove(added, 'a mistake');
      return lists.match({ device: 'd' }, batch.nowMs).length;
    });
    expect(await one.lanes.submit(programId, command)).toBe(0);
    expect(await storedRows()).toMatchObject([{ reason: 'because', removed_reason: 'a mistake', salt: SALT }]);
    expect([await listsOf(one), await listsOf(other)]).toEqual([[], []]);
  });

  test('where a batch fails, nothing of it is in force anywhere', async () => {
    await one.add({}, programId);
    const poison = inLists(one.slice, (batch) => {
      addListEntryCommand(one.slice, { ...newEntry({ list: 'allow' }), salt: SALT }, TESTER).step(batch);
      throw new Error('a defect');
    });
    await expect(one.lanes.submit(programId, poison)).rejects.toMatchObject({ code: 'internal.error' });
    expect([await listsOf(one), await listsOf(other)]).toEqual([['block'], ['block']]);
    expect(await storedRows()).toHaveLength(1);
  });

  test('where nothing changed, nothing is read but the lane', async () => {
    await one.add({}, programId);
    await listsOf(one);
    const loads: unknown[] = [];
    const watched: ListSlice = {
      ...one.slice,
      load(...given) {
        loads.push(one.slice.load?.(...given));
        return loads.at(-1) as Promise<unknown> | undefined;
      },
    };
    expect(await one.lanes.submit(programId, matching(watched, { device: 'd' }))).toHaveLength(1);
    // before the lock, and under it
    expect(loads).toEqual([undefined, undefined]);
  });
});

describe('programs', () => {
  test('are apart, in memory and in the record', async () => {
    const stranger = await world.addProgram();
    const entry = await one.add({}, programId);
    for (const instance of [one, other]) expect(await instance.match({ device: 'd' }, stranger)).toEqual([]);
    const foreign = one.service.remove(
      { programId: stranger, actor: TESTER },
      'block',
      idOf('lst', entry.entryId),
      'x',
    );
    await expect(foreign).rejects.toMatchObject({ code: 'list.not_found' });
    expect((await one.service.page(stranger, { list: 'block', limit: 10 })).entries).toEqual([]);
    expect(await listsOf(other)).toEqual(['block']);
  });
});

describe('time is the program’s', () => {
  test('an entry ends to the millisecond of a standing clock, and one that was put back brings it back', async () => {
    const startMs = Date.UTC(2031, 0, 1);
    await moveClock(startMs);
    const { createdAtMs } = await one.add({ expiresAtMs: startMs + SECOND_MS }, programId);
    expect(createdAtMs).toBe(startMs);
    const found: [number, string[], string[]][] = [];
    for (const nowMs of [startMs, startMs + SECOND_MS - 1, startMs + SECOND_MS, startMs + 7_200_000, startMs]) {
      await moveClock(nowMs);
      // a change in between lets instances sweep what has expired
      await one.add({ list: 'watch', value: 'else' }, programId);
      found.push([nowMs - startMs, await listsOf(one), await listsOf(other)]);
    }
    expect(found).toEqual([
      [0, ['block'], ['block']],
      [SECOND_MS - 1, ['block'], ['block']],
      [SECOND_MS, [], []],
      [7_200_000, [], []],
      [0, ['block'], ['block']],
    ]);
    await moveClock(startMs + SECOND_MS);
    expect(await listsOf(await world.open())).toEqual([]);
  });

  test('an end is judged by that clock, too', async () => {
    await moveClock(Date.UTC(2031, 0, 1));
    for (const expiresAtMs of [Date.now(), Date.UTC(2031, 0, 1), Date.UTC(2032, 0, 2)]) {
      await expect(one.add({ expiresAtMs }, programId)).rejects.toMatchObject({
        code: 'request.invalid',
        extra: { errors: [{ pointer: '/expiresAt' }] },
      });
    }
    expect(await one.service.preview(programId, newEntry({ expiresAtMs: Date.UTC(2031, 5, 1) }))).toMatchObject({
      decisions: 0,
    });
    await expect(one.service.preview(programId, newEntry({ expiresAtMs: Date.now() }))).rejects.toMatchObject({
      code: 'request.invalid',
    });
  });
});

describe('the trail', () => {
  test('adding and removing are audited with their reasons; the value is there as a commitment only', async () => {
    const entry = await one.add({ subject: 'ip', value: '203.0.113.7/24', reason: 'farm' }, programId);
    await remove(other, entry, 'moved on');
    const again = await remove(one, entry, 'once more');
    expect(again).toMatchObject({ removedReason: 'moved on' });
    const target = idOf('lst', entry.entryId);
    const audit = await auditRows();
    expect(audit).toMatchObject([
      { seq: '1', actor_id: 'tester', action: 'list.entry_added', target, reason: 'farm' },
      { seq: '2', actor_id: 'tester', action: 'list.entry_removed', target, reason: 'moved on', commitment: null },
    ]);
    expect(JSON.stringify(audit)).not.toContain('203.0.113');
    const [row] = await storedRows();
    const said = { entryId: target, list: 'block', subject: 'ip', value: '203.0.113.0/24', expiresAtMs: null };
    expect(audit[0]?.['commitment']).toEqual(commitmentOf(row?.['salt'] as Buffer, canonicalJson(said)));
  });

  test('the service can neither edit nor delete an entry', async () => {
    await one.add({}, programId);
    const asService = (sql: string) =>
      world.database.query(
        `begin; set local role pointguard_service; set local search_path = pointguard; ${sql}; rollback`,
      );
    for (const column of ['list', 'subject', 'value', 'reason', 'created_at_ms', 'expires_at_ms', 'salt']) {
      await expect(asService(`update list_entry set ${column} = ${column}`), column).rejects.toMatchObject({
        code: '42501',
      });
    }
    await expect(asService('delete from list_entry')).rejects.toMatchObject({ code: '42501' });
  });
});

describe('bounds', () => {
  test('of one value only so many are in force, whoever adds them and when', async () => {
    const attempts = [...Array(MOST_OF_ONE_VALUE + 4).keys()].map((n) => (n % 2 ? one : other).add({}, programId));
    const settled = await Promise.allSettled(attempts);
    const refused = settled.filter((answer) => answer.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(Array(4).fill('list.full'));
    const made = settled.find((answer) => answer.status === 'fulfilled');
    await remove(one, made?.value as ListEntry);
    await other.add({}, programId);
    await expect(one.add({}, programId)).rejects.toMatchObject({ code: 'list.full' });
    await one.add({ value: 'another' }, programId);
  });

  test('100,000 entries are read under the lock, or before it; one more is refused until one has expired', async () => {
    await moveClock(Date.UTC(2030, 0, 1));
    const endMs = Date.UTC(2030, 0, 2);
    await world.database.query(
      `insert into pointguard.list_entry (program_id, entry_id, list, subject, value, reason, created_at_ms, expires_at_ms, change)
       select $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'block',
         case when n % 2 = 0 then 'ip' else 'device' end,
         case when n % 2 = 0 then format('10.%s.%s.0/%s', (n >> 8) % 256, n % 256, 24) else 'd-' || n end,
         'import ' || n, 1, case when n = 1 then $3::bigint end, 1
       from generate_series(1, $2::int) n`,
      [programId, MOST_ENTRIES, endMs],
    );
    await world.database.query(`update pointguard.lane set heads = '{"lists": {"version": 1}}' where program_id = $1`, [
      programId,
    ]);
    expect(await listsOf(one, { device: 'd-99999', ip: '10.0.2.9' })).toEqual(['block', 'block']);
    const warmed = await world.open();
    await warmed.service.warm(programId);
    // `warm` waits a second at most: on a busy machine the reading goes on behind it
    await expect.poll(() => warmed.snapshots.get(programId)?.index.size, { timeout: 30_000 }).toBe(MOST_ENTRIES);
    expect(await listsOf(warmed, { device: 'd-99999', ip: '10.0.2.9' })).toEqual(['block', 'block']);
    await expect(one.add({}, programId)).rejects.toMatchObject({ code: 'list.full' });
    await moveClock(endMs);
    await one.add({}, programId);
    expect(await listsOf(warmed)).toEqual(['block']);
    await expect(warmed.add({}, programId)).rejects.toMatchObject({ code: 'list.full' });
  });
});
