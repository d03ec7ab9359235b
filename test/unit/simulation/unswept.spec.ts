/**
 * A hold whose end is due has ended, whether the sweep has come by or not: a command that finds it ends it first, as of
 * its end. Here nothing sweeps, and the clock moves behind the service's back.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderDecision } from '../../../src/decision/core/render.js';
import type { DecisionRequest } from '../../../src/decision/core/decision.js';
import type { Acting, DecideOptions } from '../../../src/decision/decision.service.js';
import { ServiceError } from '../../../src/kernel/errors.js';
import { violationsIn } from '../../support/invariants.js';
import { policyWith } from '../../support/service.js';
import { openWorld, type World } from './world.js';

let world: World;
let acting: Acting;
let nowMs = Date.UTC(2026, 2, 1, 12);
let fresh = 0;

beforeAll(async () => {
  world = await openWorld();
  const policy = policyWith([['count', 'account', ['burn'], 'count', 'P90D', 1]], { maxOpenHolds: 1 });
  acting = await world.program('unswept', policy);
  await world.decisions.moveClock(acting, { nowMs });
}, 60_000);
afterAll(() => world.close());

async function moveUnseen(ms: number): Promise<void> {
  nowMs += ms;
  await world.query('update pointguard.lane set clock_ms = $2 where program_id = $1', [
    acting.program.programId,
    nowMs,
  ]);
}

/** A decision whose hold ended a second ago. */
async function due(options: DecideOptions = {}) {
  const request: DecisionRequest = {
    transactionId: `t-${++fresh}`,
    accountId: `a-${fresh}`,
    type: 'burn',
    points: 100,
    onHoldEnd: 'release',
  };
  const made = renderDecision((await world.decisions.decide(acting, request, options)).decision);
  const endMs = Date.parse(made.hold!.expiresAt);
  await moveUnseen(endMs + 1000 - nowMs);
  return { request, id: made.decisionId, endsAt: made.hold!.expiresAt };
}

interface Told {
  type: string;
  status: string;
  at: string;
}
async function story(id: string): Promise<Told[]> {
  return world.query<Told & Record<string, unknown>>(
    `select replace(type, 'decision.', '') as type, data::json ->> 'status' as status, data::json ->> 'statusChangedAt' as at
      from pointguard.event where aggregate_id = $1 order by seq`,
    [id],
  );
}

const call = (name: 'commit' | 'cancel' | 'refuse', id: string) =>
  world.decisions.call(name, acting, id, name === 'refuse' ? { by: 'x' } : {});
const code = (error: unknown) => (error instanceof ServiceError ? error.code : error);

describe('a hold that is due and not swept', () => {
  it('reads expired, as of its end', async () => {
    const { id, endsAt } = await due();
    const decision = await world.decisions.find(acting.program.programId, id);
    expect(renderDecision(decision)).toMatchObject({ status: 'expired', statusChangedAt: endsAt });
    expect(await story(id)).toHaveLength(1);
  });

  it('is expired before it is committed late', async () => {
    const { id, endsAt } = await due();
    expect(renderDecision(await call('commit', id))).toMatchObject({ status: 'committed', late: true });
    expect(await story(id)).toEqual([
      { type: 'made', status: 'held', at: expect.any(String) },
      { type: 'expired', status: 'expired', at: endsAt },
      { type: 'late_commit', status: 'committed', at: new Date(nowMs).toISOString() },
    ]);
  });

  it.each(['cancel', 'refuse'] as const)('is not there for %s any more', async (name) => {
    const { id } = await due({ forced: name === 'refuse' ? 'review' : 'allow' });
    expect(await call(name, id).catch(code)).toBe('decision.state');
    expect((await story(id)).map(({ type }) => type)).toEqual(['made', 'expired']);
  });

  it('is held again when it is approved: its own budget was given back first', async () => {
    const { id } = await due({ forced: 'review' });
    expect((await world.decisions.approve(acting, id)).status).toBe('held');
    expect((await story(id)).map(({ type }) => type)).toEqual(['made', 'expired', 'approved']);
  });

  it('is answered as expired when its transaction is repeated', async () => {
    const { id, request } = await due();
    const { isNew, decision } = await world.decisions.decide(acting, request);
    expect([isNew, decision.status]).toEqual([false, 'expired']);
    expect((await story(id)).map(({ type }) => type)).toEqual(['made', 'expired']);
  });

  it('is left alone by a dry run', async () => {
    const { id, request } = await due();
    const { isNew, decision } = await world.decisions.decide(acting, request, { dryRun: true });
    expect([isNew, decision.status]).toEqual([false, 'expired']);
    expect((await story(id)).map(({ type }) => type)).toEqual(['made']);
  });

  it('is expired once, whoever comes first', async () => {
    const { id, request } = await due();
    await Promise.allSettled([
      ...Array.from({ length: 5 }, () => world.decisions.decide(acting, request)),
      ...Array.from({ length: 5 }, () => call('cancel', id)),
      world.decisions.moveClock(acting, { nowMs }),
      world.decisions.moveClock(acting, { nowMs }),
    ]);
    expect((await story(id)).map(({ type }) => type)).toEqual(['made', 'expired']);
  });
});

it('all of it is sound once the clock is moved', async () => {
  await world.decisions.moveClock(acting, { nowMs });
  expect(await violationsIn(world.query, 'unswept')).toEqual([]);
  const open = await world.query('select from pointguard.decision where open_until_ms <= $1', [nowMs]);
  expect(open).toEqual([]);
});
