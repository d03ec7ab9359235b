import { afterEach, describe, expect, test } from 'vitest';
import { openClientDirectory } from '../../../src/access/client-directory.js';
import type { ClientRow } from '../../../src/access/core/identity.js';

const client = (clientId: string, revokedAtMs?: number): ClientRow => ({
  clientId,
  program: { programId: 1, name: 'retail', mode: 'test' },
  scopes: ['decisions'],
  createdAtMs: 0,
  revokedAtMs,
});

/** A record that the test changes and takes down, and a clock that stands until it is moved. */
function record() {
  const state = { batch: 1, clients: [client('a')], down: false, nowMs: 0, readMs: 0, reads: 0, polls: 0 };
  const step = async <T>(value: () => T): Promise<T> => {
    if (state.down) throw new Error('down');
    // what was asked for is what there was when it was asked
    const answer = value();
    state.nowMs += state.readMs;
    await Promise.resolve();
    return answer;
  };
  const directory = openClientDirectory(
    {
      systemBatch: () => step(() => ((state.polls += 1), String(state.batch))),
      clients: () => step(() => ((state.reads += 1), [...state.clients])),
    },
    () => state.nowMs,
  );
  return { state, directory };
}

let opened = record();
afterEach(() => opened.directory.stop());

describe('client directory', () => {
  test('knows nobody until it has polled, and for one second after', async () => {
    const { state, directory } = (opened = record());
    expect(directory.current()).toBeUndefined();
    await directory.refreshed();
    expect(directory.current()?.clients.has('a')).toBe(true);
    state.nowMs += 1000;
    expect(directory.current()).toBeDefined();
    state.nowMs += 1;
    expect(directory.current()).toBeUndefined();
  });

  test('reads the clients only when the batch has changed', async () => {
    const { state, directory } = (opened = record());
    const first = await directory.refreshed();
    expect(await directory.refreshed()).toBe(first);
    state.clients = [client('a', 5)];
    expect((await directory.refreshed()).clients.get('a')?.revokedAtMs).toBeUndefined();
    state.batch++;
    expect((await directory.refreshed()).clients.get('a')?.revokedAtMs).toBe(5);
    expect(state.reads).toBe(2);
  });

  test('a batch that went back (a restore) is a change too', async () => {
    const { state, directory } = (opened = record());
    state.batch = 9;
    await directory.refreshed();
    Object.assign(state, { batch: 3, clients: [] });
    expect((await directory.refreshed()).clients.size).toBe(0);
  });

  test('a failed poll does not make it younger, and its error reaches who needs it', async () => {
    const { state, directory } = (opened = record());
    await directory.refreshed();
    state.nowMs += 900;
    state.down = true;
    await expect(directory.refreshed()).rejects.toThrow('down');
    expect(directory.current()).toBeDefined();
    state.nowMs += 101;
    expect(directory.current()).toBeUndefined();
    state.down = false;
    await directory.refreshed();
    expect(directory.current()).toBeDefined();
  });

  test('its age counts from when the poll began: one that took longer than a second judges nobody', async () => {
    const { state, directory } = (opened = record());
    state.readMs = 501;
    await expect(directory.refreshed()).rejects.toMatchObject({ code: 'record.unavailable' });
    expect(directory.current()).toBeUndefined();
  });

  test('callers at once share one poll; who wants it anew gets one that began later', async () => {
    const { state, directory } = (opened = record());
    await Promise.all([directory.refreshed(), directory.refreshed(), directory.refreshed()]);
    expect(state.polls).toBe(1);
    state.batch++;
    const early = directory.refreshed();
    // made after the poll under way has read the batch
    Object.assign(state, { batch: 3, clients: [client('a'), client('b')] });
    const anew = directory.refreshed(true);
    await early;
    expect((await anew).clients.has('b')).toBe(true);
    expect(state.polls).toBe(3);
  });
});
