/** Reviews are worked by people: on the command line, and through the same service as a console would. */
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AccessService } from '../../src/access/access.service.js';
import type { CliContext, OpenedRecord } from '../../src/cli/context.js';
import { register } from '../../src/cli/reviews.command.js';
import { operator } from '../../src/cli/with-access.js';
import { renderDecision } from '../../src/decision/core/render.js';
import { type Acting, DecisionService } from '../../src/decision/decision.service.js';
import type { ErrorCode, ServiceError } from '../../src/kernel/errors.js';
import { uuidOf } from '../../src/kernel/ids.js';
import { policyWith, startTestService, type TestService } from '../support/service.js';
import { type Answer, type Backend, backendOf } from './backend.js';

const ACTING: Acting = {
  program: { programId: 1, name: 'acme', mode: 'test' },
  actor: { kind: 'person', id: 'ann' },
};

let service: TestService;
let backend: Backend;
let decisions: DecisionService;

beforeAll(async () => {
  service = await startTestService({
    policy: policyWith([
      ['account', 'account', ['burn'], 'count', 'P90D', 2],
      ['ip', 'ip', ['earn'], 'points', 'P90D', 100],
    ]),
  });
  backend = await backendOf(service);
  decisions = service.service.app.get(DecisionService);
  await backend.clock('2026-03-01T12:00:00Z');
});
afterAll(() => service.stop());

let accounts = 0;
const inReview = (more: object = {}) => backend.decideAs('review', { accountId: `r-${++accounts}`, ...more });
const approve = async ({ body }: Answer) => renderDecision(await decisions.approve(ACTING, body.decisionId));
const refuse = async ({ body }: Answer) =>
  renderDecision(await decisions.call('refuse', ACTING, body.decisionId, { by: ACTING.actor.id }));
const used = ({ body }: Answer) => backend.used('account', { accountId: body.accountId });

async function refusalOf(call: Promise<unknown>): Promise<[ErrorCode, string | undefined]> {
  const error = (await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as ServiceError;
  return [error.code, error.extra.decisionStatus];
}

const trailOf = ({ body }: Answer) =>
  service.database.query('select actor_kind, actor_id, action from pointguard.audit where target = $1 order by seq', [
    body.decisionId,
  ]);

describe('approving', () => {
  it('in review: held, for another holdTtl, the same entry; the trail names the person', async () => {
    const review = await inReview();
    await backend.clock('PT1H');
    const held = await approve(review);
    expect(held).toMatchObject({
      outcome: 'review',
      status: 'held',
      hold: { then: 'commit' },
      approvedBy: { kind: 'analyst', id: 'ann', at: held.statusChangedAt },
    });
    expect(Date.parse(held.hold!.expiresAt) - Date.parse(held.statusChangedAt)).toBe(15 * 60_000);
    expect(await used(review)).toBe(1);
    expect((await backend.find(review.body.decisionId)).body).toEqual(held);
    expect(await trailOf(review)).toEqual([
      { actor_kind: 'client', actor_id: 'backend', action: 'decision.made' },
      { actor_kind: 'person', actor_id: 'ann', action: 'decision.approved' },
    ]);
    expect((await backend.commit(review.body.decisionId)).body.status).toBe('committed');
  });

  it('twice: the second time answers what is', async () => {
    const review = await inReview();
    const held = await approve(review);
    expect(await approve(review)).toEqual(held);
    await backend.commit(review.body.decisionId);
    expect((await approve(review)).status).toBe('committed');
    expect(await trailOf(review)).toHaveLength(3);
  });

  it('ten people at once: held once', async () => {
    const review = await inReview();
    const all = await Promise.all(Array.from({ length: 10 }, () => approve(review)));
    expect(new Set(all.map((held) => JSON.stringify(held))).size).toBe(1);
    expect(await used(review)).toBe(1);
  });

  it('after it expired: holds again, with all that was asked, also what is sealed', async () => {
    const review = await inReview({ type: 'earn', points: 60, ip: '203.0.113.1' });
    await backend.clock('PT72H');
    expect((await backend.find(review.body.decisionId)).body.status).toBe('expired');
    const onIp = () => backend.used('ip', { type: 'earn', ip: '203.0.113.1' });
    expect(await onIp()).toBe(0);
    expect(await approve(review)).toMatchObject({ status: 'held', outcome: 'review' });
    expect(await onIp()).toBe(60);
    await backend.cancel(review.body.decisionId);
    expect(await onIp()).toBe(0);
  });

  it('after it expired, where others took the room: 409 decision.limit, and nothing changed', async () => {
    const review = await inReview({ type: 'earn', points: 60, ip: '203.0.113.2' });
    await backend.clock('PT72H');
    await backend.decide({ type: 'earn', points: 60, ip: '203.0.113.2' });
    const before = await backend.find(review.body.decisionId);
    expect(await refusalOf(approve(review))).toEqual(['decision.limit', 'expired']);
    expect((await backend.find(review.body.decisionId)).body).toEqual(before.body);
    expect(await backend.used('ip', { type: 'earn', ip: '203.0.113.2' })).toBe(60);
  });

  it('an appeal of the same batch as the verdict before it stays open; the one before it is answered', async () => {
    const stateOf = (id: string) =>
      service.database.query('select state from pointguard.appeal where decision_id = $1 order by appeal_id', [
        uuidOf('dec', id),
      ]);
    const review = await inReview();
    const { decisionId } = review.body;
    await decisions.appeal(ACTING, decisionId, 'before it');
    // verdicts go before what can wait: the second appeal comes after the refusal, in its batch
    await Promise.all([refuse(review), decisions.appeal(ACTING, decisionId, 'after it')]);
    expect(await stateOf(decisionId)).toEqual([{ state: 'rejected' }, { state: 'open' }]);
    await refuse(review);
    expect(await stateOf(decisionId)).toEqual([{ state: 'rejected' }, { state: 'rejected' }]);
  });

  it('an appeal against a deny: held, or 409 while there is no room', async () => {
    const accountId = 'appeals';
    const [first] = [await backend.decide({ accountId }), await backend.decide({ accountId })];
    const denied = await backend.decide({ accountId });
    expect(denied.body.status).toBe('denied');
    expect(await refusalOf(approve(denied))).toEqual(['decision.limit', 'denied']);
    await backend.cancel(first.body.decisionId);
    expect(await approve(denied)).toMatchObject({ outcome: 'deny', status: 'held', approvedBy: { id: 'ann' } });
    expect(await used(denied)).toBe(2);
  });

  it('of simultaneous appeals exactly as many are held as there is room for', async () => {
    const accountId = 'many-appeals';
    const held = [await backend.decide({ accountId }), await backend.decide({ accountId })];
    const denied = await Promise.all(Array.from({ length: 8 }, () => backend.decide({ accountId })));
    await Promise.all(held.map(({ body }) => backend.cancel(body.decisionId)));
    const appeals = await Promise.allSettled(denied.map(approve));
    expect(appeals.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(await used(denied[0]!)).toBe(2);
  });
});

describe('refusing', () => {
  it('in review: denied, given back; twice the same; an appeal can still be upheld', async () => {
    const review = await inReview();
    expect(await used(review)).toBe(1);
    const denied = await refuse(review);
    expect(denied).toMatchObject({ outcome: 'review', status: 'denied' });
    expect(denied.hold).toBeUndefined();
    expect(await used(review)).toBe(0);
    expect(await refuse(review)).toEqual(denied);
    expect((await trailOf(review)).at(-1)).toEqual({
      actor_kind: 'person',
      actor_id: 'ann',
      action: 'decision.denied',
    });
    expect((await approve(review)).status).toBe('held');
    expect(await used(review)).toBe(1);
  });
});

describe('what has no review', () => {
  it.each<[string, () => Promise<Answer>, string]>([
    ['held', () => backend.decide(), 'held'],
    ['cancelled', async () => backend.cancel((await backend.decide()).body.decisionId), 'cancelled'],
    ['committed', async () => backend.commit((await backend.decide()).body.decisionId), 'committed'],
    [
      'expired from a hold',
      async () => {
        const held = await backend.decide({ onHoldEnd: 'release' });
        await backend.clock('PT15M');
        return held;
      },
      'expired',
    ],
  ])('%s: 409', async (_, make, status) => {
    const made = await make();
    expect(await refusalOf(approve(made))).toEqual(['decision.state', status]);
    expect(await refusalOf(refuse(made))).toEqual(['decision.state', status]);
  });

  it('an id of another program, or of nothing: 404', async () => {
    const review = await inReview();
    const elsewhere: Acting = { ...ACTING, program: { ...ACTING.program, programId: 2 } };
    expect(await refusalOf(decisions.approve(elsewhere, review.body.decisionId))).toEqual([
      'decision.not_found',
      undefined,
    ]);
    expect(await refusalOf(decisions.approve(ACTING, 'dec_x'))).toEqual(['decision.not_found', undefined]);
  });
});

describe('pointguard reviews', () => {
  const said: string[] = [];
  afterEach(() => {
    said.length = 0;
    process.exitCode = 0;
  });

  async function reviews(...words: string[]): Promise<string> {
    vi.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
    vi.spyOn(console, 'error').mockImplementation((line: string) => void said.push(line));
    const program = new Command();
    const access = service.service.app.get(AccessService);
    const opened = { access, decisions, close: async () => undefined } as unknown as OpenedRecord;
    register(program, { open: async () => opened } as CliContext);
    await program.parseAsync(['node', 'pointguard', 'reviews', ...words, '--program', 'acme']);
    vi.restoreAllMocks();
    return said.join('\n');
  }

  it('lists what waits, releases and denies, under the operator’s name', async () => {
    const [first, second] = [await inReview(), await inReview()];
    const listed = await reviews('list');
    expect(listed).toContain(first.body.decisionId);
    expect(listed).toContain(second.body.decisionId);
    expect(await reviews('release', first.body.decisionId)).toContain('held');
    said.length = 0;
    expect(await reviews('deny', second.body.decisionId)).toContain('denied');
    said.length = 0;
    expect(await reviews('list')).not.toContain(first.body.decisionId);
    const { kind, id } = operator();
    for (const [made, action] of [
      [first, 'decision.approved'],
      [second, 'decision.denied'],
    ] as const) {
      expect((await trailOf(made)).at(-1)).toEqual({ actor_kind: kind, actor_id: id, action });
    }
  });

  it('what is refused is one sentence and a status other than 0', async () => {
    const held = await backend.decide();
    expect(await reviews('release', held.body.decisionId)).toContain('held');
    expect(process.exitCode).toBe(1);
  });
});
