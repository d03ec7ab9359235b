/** One seeded run: random calls in random order on the machine and on its naive model, compared after each. */
import { isDeepStrictEqual } from 'node:util';
import { type DecisionRequest, isoTime } from '../../../src/decision/core/decision.js';
import { type RenderedDecision, renderDecision } from '../../../src/decision/core/render.js';
import type { Acting } from '../../../src/decision/decision.service.js';
import { ServiceError } from '../../../src/kernel/errors.js';
import { parsePolicy } from '../../../src/policy/core/policy.schema.js';
import { violationsIn } from '../../support/invariants.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, type Seeded, seeded } from '../velocity/seeded.js';
import { type Found, type Known, Model, type Predicted } from './model.js';
import { randomPolicy } from './policies.js';
import type { World } from './world.js';

const START_MS = Date.UTC(2026, 2, 1, 12);
/** Windows are kept for 90 days; the recount at the end wants them whole. */
const MOST_DAYS = 80;

type Answered = { rendered: RenderedDecision } | { cancelled: string } | { refused: string };

/** Runs one seed; throws what does not hold, with the last moves. */
export async function run(world: World, seed: number, steps: number): Promise<void> {
  const one = await Run.open(world, seed);
  try {
    for (let step = 0; step < steps; step++) await one.step();
    await one.end();
  } catch (error) {
    const trail = one.trail.slice(-15).join('\n  ');
    throw new Error(`seed ${seed}: ${String(error)}\nThe last moves:\n  ${trail}\nAgain: SEED=${seed}`, {
      cause: error,
    });
  }
}

class Run {
  readonly trail: string[] = [];
  private readonly random: Seeded;
  private readonly ids: string[] = [];
  private readonly decisionIds = new Map<string, string>();
  private readonly last = new Map<string, RenderedDecision>();
  private readonly versions = new Map<string, number>();
  private seq = 0;
  private fresh = 0;

  private constructor(
    private readonly world: World,
    private readonly acting: Acting,
    private readonly model: Model,
    seed: number,
  ) {
    this.random = seeded(seed);
  }

  static async open(world: World, seed: number): Promise<Run> {
    const document = randomPolicy(seeded(seed + 1_000_000));
    const parsed = parsePolicy(JSON.stringify(document));
    if (!('policy' in parsed)) throw new Error(JSON.stringify(parsed.problems));
    const acting = await world.program(`seed-${seed}`, document);
    await world.decisions.moveClock(acting, { nowMs: START_MS });
    return new Run(world, acting, new Model(parsed.policy, START_MS), seed);
  }

  async step(): Promise<void> {
    const dice = this.random.below(100);
    if (dice < 40) await this.decideNew();
    else if (dice < 45) await this.burst();
    else if (dice < 50) await this.decideAgain();
    else if (dice < 62) await this.call('commit');
    else if (dice < 68) await this.call('cancel');
    else if (dice < 73) await this.cancelTransaction();
    else if (dice < 80) await this.call('reverse');
    else if (dice < 85) await this.call('approve');
    else if (dice < 88) await this.call('refuse');
    else await this.moveClock();
    await this.journal();
  }

  // ---- moves -------------------------------------------------------------------------------------------------------

  private request(transactionId = `t-${++this.fresh}`): DecisionRequest {
    const { random } = this;
    const type = random.pick(['earn', 'burn', 'burn', 'burn', 'transfer', 'adjust'] as const);
    return {
      transactionId,
      accountId: `a-${random.below(4)}`,
      type,
      points: random.pick([1, 50, 100, 100, 250, 400]),
      ...(type === 'transfer' && { counterpartyAccountId: `to-${random.below(2)}` }),
      ...(type === 'adjust' && { direction: random.pick(['credit', 'debit'] as const) }),
      ...(random.chance(0.6) && { device: { id: `d-${random.below(2)}` } }),
      ...(random.chance(0.5) && { storeId: `s-${random.below(2)}` }),
      ...(random.chance(0.3) && { ip: `203.0.113.${random.below(2)}` }),
      ...(random.chance(0.3) && { onHoldEnd: random.pick(['commit', 'release'] as const) }),
      ...(random.chance(0.1) && { accepts: random.pick([[], ['challenge'], ['review']] as const).slice() }),
    };
  }

  private async decideNew(): Promise<void> {
    const { random } = this;
    const unseen = [...this.model.cancelledUnseen.keys()].filter((id) => !this.model.known.has(id));
    const request = this.request(unseen.length > 0 && random.chance(0.3) ? random.pick(unseen) : undefined);
    const forced = random.chance(0.1) ? random.pick(['allow', 'challenge', 'review', 'deny'] as const) : undefined;
    if (random.chance(0.1)) await this.decide([request], { forced, dryRun: true });
    // the same sent several times at once: one of them is new, all answers are equal
    await this.decide(random.chance(0.15) ? [request, request, request] : [request], { forced });
  }

  /** Several transactions in one batch, judged in the order in which they came. */
  private async burst(): Promise<void> {
    const requests = Array.from({ length: 2 + this.random.below(5) }, () => this.request());
    await this.decide(
      requests.map((request) => ({ ...request, ip: undefined })),
      {},
    );
  }

  private async decideAgain(): Promise<void> {
    const known = this.anyKnown();
    if (!known) return;
    const { random } = this;
    const other = random.pick([{ points: known.request.points + 1 }, { accountId: 'a-9' }, { partnerId: 'p' }]);
    const repeat = { ...known.request, ...(random.chance(0.5) ? other : { channel: 'pos' }) };
    await this.decide([repeat], { dryRun: random.chance(0.2) });
  }

  private async decide(requests: DecisionRequest[], options: { forced?: Known['outcome']; dryRun?: boolean }) {
    this.note('decide', requests.length, requests[0], options);
    const { decisions } = this.world;
    const answers = await Promise.all(
      requests.map(async (request) => {
        try {
          return await decisions.decide(this.acting, request, options);
        } catch (error) {
          return codeOf(error);
        }
      }),
    );
    for (const [index, answer] of answers.entries()) {
      const request = requests[index]!;
      const isKnown = this.model.known.has(request.transactionId);
      const limits = typeof answer === 'string' || isKnown ? [] : (answer.limits ?? []);
      const denied =
        typeof answer !== 'string' && (answer.decision.wouldHaveBeen ?? answer.decision.outcome) === 'deny';
      const readings = this.model.readings(request);
      const found: Found[] = limits.map(({ id, used, exact }) => {
        const add = readings.find(({ limit }) => limit.id === id)?.add ?? 0;
        return { id, exact, used: denied ? used : used - add };
      });
      for (const { id, used, exact } of found) {
        const truly = readings.find(({ limit }) => limit.id === id)?.truly ?? -1;
        if (exact ? used !== truly : used < truly) throw new Error(`limit ${id} says ${used}, there are ${truly}`);
      }
      const predicted = this.model.decide(request, options, found);
      const said = typeof answer === 'string' ? { refused: answer } : { rendered: renderDecision(answer.decision) };
      if (typeof answer !== 'string' && answer.isNew === isKnown) throw new Error('known, and answered as new or not');
      if (options.dryRun && !isKnown) this.compare(said, predicted);
      else await this.expect(said, predicted);
    }
  }

  private async call(name: 'commit' | 'cancel' | 'reverse' | 'approve' | 'refuse'): Promise<void> {
    const { random, model, acting, world } = this;
    const known = this.anyKnown();
    const id = known && this.decisionIds.get(known.request.transactionId);
    if (!known || !id) return;
    const { request, committed } = known;
    const points = random.pick([
      undefined,
      undefined,
      1,
      Math.ceil(request.points / 2),
      committed,
      request.points,
      request.points + 1,
    ]);
    const reversalId = `r-${random.below(3)}`;
    this.note(name, request.transactionId, points, name === 'reverse' ? reversalId : '');
    const { decisions } = world;
    const calls = {
      commit: () => decisions.call('commit', acting, id, { points }),
      cancel: () => decisions.call('cancel', acting, id, {}),
      reverse: () => decisions.call('reverse', acting, id, { reversalId, points, reason: 'returned' }),
      approve: () => decisions.approve(acting, id),
      refuse: () => decisions.call('refuse', acting, id, { by: 'simulation' }),
    };
    // a call may be sent twice at once: both get the same answer
    const answers = await Promise.all(
      Array.from({ length: random.chance(0.2) ? 2 : 1 }, () => answered(calls[name]())),
    );
    const isInexact = answers.some((answer) => 'refused' in answer && answer.refused === 'decision.limit');
    const steps = {
      commit: () => model.commit(known, points),
      cancel: () => model.cancel(known),
      reverse: () => model.reverse(known, reversalId, points),
      approve: () => model.approve(known, isInexact && this.fresh > 60),
      refuse: () => model.refuse(known),
    };
    for (const answer of answers) await this.expect(answer, steps[name]());
  }

  private async cancelTransaction(): Promise<void> {
    const known = this.anyKnown();
    const transactionId = known && this.random.chance(0.5) ? known.request.transactionId : `t-${++this.fresh}`;
    this.note('cancel transaction', transactionId);
    const answer = await answered(this.world.decisions.cancelTransaction(this.acting, transactionId));
    const predicted = this.model.cancelTransaction(transactionId);
    if (typeof predicted !== 'string' && 'transactionId' in predicted) {
      if (!('cancelled' in answer) || answer.cancelled !== transactionId) throw new Error('not cancelled unseen');
    } else await this.expect(answer, predicted);
  }

  /** To the edges where something ends, and one millisecond to either side of them. */
  private async moveClock(): Promise<void> {
    const { random, model } = this;
    const ends = [...model.known.values()].flatMap(({ hold, counted }) => [
      ...(hold ? [hold.endsAtMs] : []),
      ...(counted ? model.policy.limits.map(({ windowMs }) => counted.atMs + windowMs) : []),
    ]);
    const edges = ends.filter((edgeMs) => edgeMs > model.nowMs + 1).sort((a, b) => a - b);
    const edge = edges.length > 0 ? edges[random.below(Math.min(4, edges.length))]! + random.below(3) - 1 : model.nowMs;
    const dice = random.below(10);
    const byMs =
      dice < 2 ? random.below(2) : dice < 3 ? random.below(2 * DAY_MS) : random.below(dice < 6 ? HOUR_MS : MINUTE_MS);
    const nowMs = Math.min(random.chance(0.6) ? edge : model.nowMs + byMs, START_MS + MOST_DAYS * DAY_MS);
    if (nowMs < model.nowMs) return;
    this.note('clock', isoTime(nowMs));
    await this.world.decisions.moveClock(this.acting, { nowMs });
    model.moveTo(nowMs);
    if (random.chance(0.3)) await this.lookAtAll();
  }

  // ---- what must hold ----------------------------------------------------------------------------------------------

  private anyKnown(): Known | undefined {
    if (this.ids.length === 0) return undefined;
    // mostly young ones: they still have something before them
    const recent = this.random.chance(0.7) ? this.ids.slice(-8) : this.ids;
    return this.model.known.get(this.random.pick(recent));
  }

  private note(...what: unknown[]): void {
    const text = what.map((part) => (typeof part === 'string' ? part : JSON.stringify(part)));
    this.trail.push(`${isoTime(this.model.nowMs)} ${text.join(' ')}`);
  }

  /** The answer is as predicted, and GET answers the same. */
  private async expect(answer: Answered, predicted: Predicted<Known>): Promise<void> {
    this.compare(answer, predicted);
    if (!('rendered' in answer) || typeof predicted === 'string') return;
    const { rendered } = answer;
    const { transactionId } = predicted.request;
    if (!this.decisionIds.has(transactionId)) this.ids.push(transactionId);
    this.decisionIds.set(transactionId, rendered.decisionId);
    this.last.set(rendered.decisionId, rendered);
    const decision = await this.world.decisions.find(this.acting.program.programId, rendered.decisionId);
    if (!isDeepStrictEqual(renderDecision(decision), rendered)) throw new Error('GET answers otherwise');
  }

  private compare(answer: Answered, predicted: Predicted<Known>): void {
    this.trail[this.trail.length - 1] += ` → ${'rendered' in answer ? answer.rendered.status : JSON.stringify(answer)}`;
    const said = 'rendered' in answer ? shown(answer.rendered) : answer;
    const wanted = typeof predicted === 'string' ? { refused: predicted } : shownOf(predicted);
    if (!isDeepStrictEqual(said, wanted)) {
      throw new Error(`it says ${JSON.stringify(said)}, the model ${JSON.stringify(wanted)}`);
    }
  }

  /** What happened since: numbers without a gap, versions one by one, each event as the decision was answered last. */
  private async journal(): Promise<void> {
    const events = await this.world.query<{ seq: string; aggregate_id: string; version: number; data: string }>(
      'select seq, aggregate_id, version, data from pointguard.event where program_id = $1 and seq > $2 order by seq',
      [this.acting.program.programId, this.seq],
    );
    const told = new Map<string, unknown>();
    for (const { seq, aggregate_id: id, version, data } of events) {
      if (Number(seq) !== ++this.seq) throw new Error(`event ${this.seq} is ${seq}`);
      if (version !== (this.versions.get(id) ?? 0) + 1) throw new Error(`${id} went to version ${version}`);
      this.versions.set(id, version);
      told.set(id, JSON.parse(data));
    }
    for (const [id, data] of told) {
      const last = this.last.get(id);
      const isByTime = (data as RenderedDecision).status === 'expired';
      if (!isByTime && !isDeepStrictEqual(data, last)) throw new Error(`the event of ${id} tells another story`);
    }
    for (const { id, cap, used } of this.model.hardLimits()) {
      if (used > cap) throw new Error(`limit ${id} stands at ${used} of ${cap}`);
    }
  }

  /** Every decision reads as the model has it. */
  private async lookAtAll(): Promise<void> {
    const { programId } = this.acting.program;
    const all = await this.world.decisions.list(programId, { limit: 10_000 });
    if (all.length !== this.model.known.size) throw new Error(`${all.length} decisions, not ${this.model.known.size}`);
    for (const decision of all) {
      const known = this.model.known.get(decision.transactionId);
      if (!known || !isDeepStrictEqual(shown(renderDecision(decision)), shownOf(known))) {
        throw new Error(`${decision.transactionId} reads ${decision.status}, the model ${known?.status}`);
      }
    }
  }

  /** Time ends every hold; then nothing is held or open, every point is accounted for, and the record is sound. */
  async end(): Promise<void> {
    const nowMs = Math.max(...[...this.model.known.values()].map(({ hold }) => hold?.endsAtMs ?? 0), this.model.nowMs);
    this.note('end', isoTime(nowMs));
    await this.world.decisions.moveClock(this.acting, { nowMs });
    this.model.moveTo(nowMs);
    await this.lookAtAll();
    await this.journal();
    for (const { request, status, version } of this.model.known.values()) {
      if (['held', 'challenged', 'in_review'].includes(status))
        throw new Error(`${request.transactionId} is still held`);
      const said = this.versions.get(this.decisionIds.get(request.transactionId) ?? '');
      if (said !== version) throw new Error(`${request.transactionId} is at version ${version}, events at ${said}`);
    }
    await this.evidence();
    const violations = await violationsIn(this.world.query, this.acting.program.name);
    if (violations.length > 0) throw new Error(violations.join('; '));
  }

  private async evidence(): Promise<void> {
    const rows = await this.world.query<{ decisions: number; evidence: number; both: number }>(
      `select (select count(*)::int from pointguard.decision d where d.program_id = $1 and decision_id is not null) as decisions,
        (select count(*)::int from pointguard.decision_evidence e where e.program_id = $1) as evidence,
        (select count(*)::int from pointguard.decision_evidence e join pointguard.decision d using (program_id, decision_id)
          where program_id = $1 and (e.request::json ->> 'transactionId') = d.transaction_id) as both`,
      [this.acting.program.programId],
    );
    const { size } = this.model.known;
    if (!isDeepStrictEqual(rows, [{ decisions: size, evidence: size, both: size }])) {
      throw new Error(`${size} decisions and ${JSON.stringify(rows)}`);
    }
  }
}

const codeOf = (error: unknown): string => {
  if (error instanceof ServiceError) return error.code;
  throw error;
};

async function answered(
  call: Promise<Parameters<typeof renderDecision>[0] | { transactionId: string; status: 'cancelled' }>,
): Promise<Answered> {
  try {
    const answer = await call;
    return 'decisionId' in answer ? { rendered: renderDecision(answer) } : { cancelled: answer.transactionId };
  } catch (error) {
    return { refused: codeOf(error) };
  }
}

const shown = ({
  outcome,
  status,
  statusChangedAt,
  hold,
  pointsCommitted,
  pointsReversed,
  wouldHaveBeen,
  late,
  approvedBy,
}: RenderedDecision) => ({
  outcome,
  status,
  statusChangedAt,
  hold,
  pointsCommitted,
  pointsReversed,
  wouldHaveBeen,
  late: late ?? false,
  approved: approvedBy !== undefined,
});

const shownOf = ({ hold, ...known }: Known): ReturnType<typeof shown> => ({
  outcome: known.outcome,
  status: known.status,
  statusChangedAt: isoTime(known.statusChangedMs),
  hold: hold && { expiresAt: isoTime(hold.endsAtMs), then: hold.then },
  pointsCommitted: known.committed,
  pointsReversed: known.reversed,
  wouldHaveBeen: known.wouldHaveBeen,
  late: known.late,
  approved: known.approved,
});
