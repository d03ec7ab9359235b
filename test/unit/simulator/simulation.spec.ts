import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decisionRequest, requestErrors } from '../../../src/decision/decision.schema.js';
import { FILE_ORIGIN_MS, transactionLines, truthLines } from '../../../src/simulator/core/files.js';
import { DEFAULT_MIX, NO_ATTACKS } from '../../../src/simulator/core/mix.js';
import { requestOf } from '../../../src/simulator/core/request.js';
import { simulate, type Simulation } from '../../../src/simulator/core/simulation.js';
import { ATTACK_KINDS, type SimulatedTransaction } from '../../../src/simulator/core/transaction.js';

const bytesOf = ({ transactions }: Simulation): string =>
  [...transactionLines(transactions), ...truthLines(transactions)].join('\n');
const hashOf = (simulation: Simulation): string => createHash('sha256').update(bytesOf(simulation)).digest('hex');
const isMembers = ({ truth }: SimulatedTransaction): boolean => truth.class === 'member';
const ids = (transactions: readonly SimulatedTransaction[]): string[] =>
  transactions.map(({ draft }) => draft.transactionId);

describe('the same seed', () => {
  it('gives the same bytes, another seed and any other parameter other ones', () => {
    const options = { seed: 5, size: 60, days: 20, mimicry: 0.5 };
    const hash = hashOf(simulate(options));
    expect(hashOf(simulate(options))).toBe(hash);
    for (const other of [{ seed: 6 }, { size: 61 }, { days: 21 }, { mimicry: 0.6 }, { mix: NO_ATTACKS }]) {
      expect(hashOf(simulate({ ...options, ...other }))).not.toBe(hash);
    }
  });

  it('gives these bytes on every machine', () => {
    // Changes whenever the simulator does: then figures of before and after cannot be compared, which a change log must say.
    expect(hashOf(simulate({ seed: 1, size: 100 }))).toBe(
      'c05b7b8e4f9b0c0c3f57ce17500258de3d2c396e390f9c8eb1b20a301c9e0cc5',
    );
  });
});

describe.each([10, 300, 20_000])('a program of %i members', (size) => {
  const simulation = simulate({ seed: size + 3, size, days: size > 1000 ? 10 : 30 });
  const { transactions, horizonMs } = simulation;

  it('has exactly so many members, and every attack', () => {
    expect(new Set(simulation.memberIds).size).toBe(size);
    const classes = new Set(transactions.map(({ truth }) => truth.class));
    expect(classes).toEqual(new Set(['member', ...ATTACK_KINDS]));
  });

  it('has each transaction once, in order, within its time', () => {
    expect(new Set(ids(transactions)).size).toBe(transactions.length);
    const times = transactions.map(({ draft }) => draft.atMs);
    expect(
      times.filter((atMs, at) => atMs < (times[at - 1] ?? 0) || atMs >= horizonMs || !Number.isInteger(atMs)),
    ).toEqual([]);
  });

  it('asks only what the API takes, and of no time that has not come', () => {
    const step = Math.ceil(transactions.length / 1500);
    for (const { draft } of transactions.filter((_, at) => at % step === 0)) {
      const request = requestOf(draft, FILE_ORIGIN_MS);
      const parsed = decisionRequest.safeParse(request);
      expect({ request, wrong: parsed.success ? requestErrors(parsed.data) : parsed.error.issues }).toEqual({
        request,
        wrong: [],
      });
      const past = [
        draft.account.createdAtMs,
        draft.signedIn?.atMs ?? draft.atMs,
        draft.credentialsChangedAtMs ?? draft.atMs,
      ];
      expect({ request, late: past.filter((atMs) => atMs > draft.atMs) }).toEqual({ request, late: [] });
    }
  });

  it('has a truth that fits: members take nothing, attacks are named, accounts of an attack are nobody’s but victims’', () => {
    const kinds = new Map(simulation.attacks.map(({ attackId, kind }) => [attackId, kind]));
    const members = new Set(simulation.memberIds);
    const fits = ({ draft, truth }: SimulatedTransaction): boolean => {
      const isMember = members.has(draft.account.accountId);
      if (truth.class === 'member') return isMember && truth.attackId === '' && truth.valuePoints === 0;
      const mayBeMember = ['take-over', 'self-credit'].includes(truth.class);
      const isNamed = kinds.get(truth.attackId) === truth.class;
      return isNamed && [0, draft.points].includes(truth.valuePoints) && (mayBeMember || !isMember);
    };
    expect(transactions.filter((one) => !fits(one))).toEqual([]);
  });
});

describe('the members', () => {
  const options = { seed: 9, size: 300 };
  const good = (simulation: Simulation) => simulation.transactions.filter(isMembers);

  it('do the same whatever is among them', () => {
    const alone = simulate({ ...options, mix: NO_ATTACKS });
    expect(alone.transactions.every(isMembers)).toBe(true);
    const before = bytesOf(alone);
    for (const other of [{ mimicry: 0 }, { mimicry: 1 }, { mix: { ...DEFAULT_MIX, 'mule-ring': 40 } }]) {
      const mixed = simulate({ ...options, ...other });
      expect(bytesOf({ ...mixed, transactions: good(mixed) }) === before).toBe(true);
    }
  });

  it('include those who look like an attack and are none', () => {
    const transactions = good(simulate({ ...options, size: 1000 }));
    const accountsOf = (key: (one: SimulatedTransaction['draft']) => string | undefined): number => {
      const accounts = new Map<string, Set<string>>();
      for (const { draft } of transactions) {
        const name = key(draft);
        if (name !== undefined) accounts.set(name, (accounts.get(name) ?? new Set()).add(draft.account.accountId));
      }
      return Math.max(...[...accounts.values()].map((set) => set.size));
    };
    const some = (is: (draft: SimulatedTransaction['draft']) => boolean): number =>
      transactions.filter(({ draft }) => is(draft)).length;
    const burns = (draft: SimulatedTransaction['draft']) => draft.type === 'burn';
    // a kiosk, and a family's tablet
    expect(accountsOf((draft) => (draft.channel === 'pos' ? draft.presence?.deviceId : undefined))).toBeGreaterThan(3);
    expect(accountsOf((draft) => (draft.channel === 'app' ? draft.presence?.deviceId : undefined))).toBeGreaterThan(1);
    // bulk buyers, savers, gift cards, fresh credentials, families that pool
    expect(some((draft) => draft.type === 'earn' && draft.points > 4000)).toBeGreaterThan(20);
    expect(some((draft) => burns(draft) && draft.points >= 16_000)).toBeGreaterThan(5);
    expect(some((draft) => burns(draft) && draft.reward?.category === 'gift_card')).toBeGreaterThan(50);
    expect(
      some((draft) => burns(draft) && draft.atMs - (draft.credentialsChangedAtMs ?? -1e12) < 7 * 86_400_000),
    ).toBeGreaterThan(5);
    expect(some((draft) => draft.type === 'transfer')).toBeGreaterThan(50);
  });

  it('never spend more than they have', () => {
    const spent = good(simulate(options)).filter(({ draft }) => ['burn', 'transfer'].includes(draft.type));
    expect(spent.length).toBeGreaterThan(100);
    expect(spent.filter(({ draft }) => draft.balance < draft.points)).toEqual([]);
  });
});

describe('the requests give the truth away neither', () => {
  const simulations = [0, 0.5, 1].flatMap((mimicry) =>
    [1, 2, 3].map((seed) => simulate({ seed, size: 1000, mimicry })),
  );
  const rows = simulations.flatMap(({ transactions }) =>
    transactions.map(({ draft, truth }) => ({
      request: requestOf(draft, FILE_ORIGIN_MS),
      isAttack: truth.class !== 'member',
    })),
  );

  it.each(['transactionId', 'accountId'] as const)('by the letters of %s', (field) => {
    const isBad = new Map<string, boolean>();
    for (const { request, isAttack } of rows)
      isBad.set(request[field], isAttack || (isBad.get(request[field]) ?? false));
    const share = [...isBad.values()].filter(Boolean).length / isBad.size;
    expect(share).toBeGreaterThan(0.02);
    expect(new Set([...isBad.keys()].map((id) => id.length)).size).toBe(1);
    // Among those who bear a letter in a place: are there more attacks, or fewer, than chance would have?
    const seen = new Map<string, { all: number; bad: number }>();
    for (const [id, bad] of isBad) {
      for (const [at, letter] of id.split('').entries()) {
        const counts = seen.get(`${at} ${letter}`) ?? { all: 0, bad: 0 };
        seen.set(`${at} ${letter}`, { all: counts.all + 1, bad: counts.bad + (bad ? 1 : 0) });
      }
    }
    const excess = [...seen.values()].map(({ all, bad }) => Math.abs(bad - all * share) / Math.sqrt(all * share + 1));
    expect(Math.max(...excess)).toBeLessThan(5);
  });

  it('by which members they have, or in what order', () => {
    const shapeOf = (request: object): string =>
      JSON.stringify(request, (name, value: unknown) =>
        ['kind', 'type', 'channel', 'direction', 'method'].includes(name) || typeof value === 'object' ? value : 0,
      );
    const members = new Set(rows.filter(({ isAttack }) => !isAttack).map(({ request }) => shapeOf(request)));
    const onlyAttacks = new Set(
      rows
        .filter(({ request, isAttack }) => isAttack && !members.has(shapeOf(request)))
        .map(({ request }) => shapeOf(request)),
    );
    expect([...onlyAttacks]).toEqual([]);
  });

  it('by the form of any text, or a word', () => {
    const text = JSON.stringify(rows.filter(({ isAttack }) => isAttack).map(({ request }) => request));
    for (const word of ['attack', 'fraud', 'truth', ...ATTACK_KINDS, 'mule', 'farm']) expect(text).not.toContain(word);
    const formOf = (id: string) => id.replaceAll(/[0-9a-z]/g, 'x');
    for (const field of [
      'accountId',
      'storeId',
      'employeeId',
      'franchiseId',
      'instrumentId',
      'counterpartyAccountId',
    ] as const) {
      expect(
        new Set(
          rows.map(({ request }) => request[field] && formOf(request[field])).filter((form) => form !== undefined),
        ).size,
      ).toBe(1);
    }
    expect(
      new Set(rows.map(({ request }) => request.device?.id && formOf(request.device.id)).filter(Boolean)).size,
    ).toBe(1);
  });
});
