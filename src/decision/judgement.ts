/** What is found of a request under the lock: limits, lists, where the account was last seen, and the rules over all of it. */
import type { SealKey } from '../platform/keys/seal.js';
import type { Batch } from '../platform/lane/lane.types.js';
import type { ListedValues, ListMatch } from '../lists/core/list-index.js';
import type { ListSlice } from '../lists/list.slice.js';
import type { FactPath, Facts, LimitFacts } from '../policy/core/facts.js';
import type { DegradableSignal, Outcome, Policy, SubjectKind } from '../policy/core/policy.js';
import type { PolicySlice } from '../policy/policy.slice.js';
import { factsOf, type IpFacts, whereaboutsOf } from '../signals/core/facts.js';
import type { NetworkData } from '../signals/network-data.js';
import { emailDomainOf } from '../lists/core/list-value.js';
import { seenAfter } from '../signals/core/location.js';
import { judge, type LimitReading, type Movement, plan } from '../velocity/core/limits.js';
import { subjectSlice } from '../velocity/subject.slice.js';
import type { DecisionRequest } from './core/decision.js';
import type { Findings } from './core/decide.js';
import { decisionSlice } from './decision.slice.js';
import type { LastSeenSlice } from './last-seen.slice.js';
import { movementOf } from './movement.js';

/** The slices that deciding reads beside its own. */
export interface DecisionSlices {
  policies: PolicySlice;
  lists: ListSlice;
  lastSeen: LastSeenSlice;
}

export interface JudgementInput {
  request: DecisionRequest;
  accountKey: string;
  /** Keyed hash of a subject that the request names. */
  nameOf: (kind: SubjectKind) => string | undefined;
  /** What open data says of an address. */
  networks: NetworkData;
  /** Seals what is remembered of the account; null for a dry run, which remembers nothing. */
  sealKey: SealKey | null;
  forced?: Outcome;
}

export interface Judgement {
  movement: Movement;
  /** Keys of the rows that the movement is entered in. */
  enters: readonly string[];
  findings: Findings;
}

/** Names the rows that judging needs, and judges, by the policy that is in force. A plan is made once for each policy. */
export class Judge {
  private ipFacts: IpFacts | undefined;
  private readonly plans = new Map<Policy, { movement: Movement; enters: string[]; reads: string[] }>();

  constructor(
    private readonly slices: DecisionSlices,
    private readonly input: JudgementInput,
  ) {}

  private planFor(policy: Policy) {
    let found = this.plans.get(policy);
    if (!found) {
      const movement = movementOf(this.input.request, policy, this.input.nameOf);
      found = { movement, ...plan(policy.limits, movement) };
      this.plans.set(policy, found);
    }
    return found;
  }

  needs(batch: Batch): void {
    const { accountKey } = this.input;
    batch.use(decisionSlice).wantOpenHolds(accountKey);
    batch.use(this.slices.lists);
    const policy = batch.use(this.slices.policies).active?.policy;
    if (!policy) return;
    batch.use(subjectSlice).want(this.planFor(policy).reads);
    if (asksForJourneys(policy) && this.isSomewhere) batch.use(this.slices.lastSeen).want(accountKey);
  }

  judge(batch: Batch, policy: Policy): Judgement {
    const { request, accountKey, forced } = this.input;
    const { movement, enters } = this.planFor(policy);
    const readings = judge(policy.limits, movement, batch.use(subjectSlice), batch.nowMs);
    const lists = this.listed(batch);
    const openHolds = batch.use(decisionSlice).openHolds(accountKey);
    const onHoldEnd = request.onHoldEnd ?? policy.onHoldEnd;
    const fired =
      policy.rules.rules.length > 0 ? policy.rules.evaluate(this.facts(batch, readings, lists, openHolds)) : [];
    const degraded = this.degraded(batch);
    return { movement, enters, findings: { readings, lists, fired, degraded, openHolds, onHoldEnd, forced } };
  }

  /** Who receives points is looked up, too: a block stops them, and nothing else that stands there speaks for the sender. */
  private listed(batch: Batch): ListMatch[] {
    const { request } = this.input;
    const lists = batch.use(this.slices.lists);
    const own = lists.match(listedValues(request), batch.nowMs);
    if (request.counterpartyAccountId === undefined) return own;
    const receiver = lists.match({ account: request.counterpartyAccountId }, batch.nowMs);
    return [...own, ...receiver.filter(({ list }) => list === 'block')];
  }

  /** Signals that could not be read in time: what is read under the lock needs no key but for where the account was seen. */
  private degraded(batch: Batch): DegradableSignal[] {
    return batch.use(this.slices.lastSeen).isLate(this.input.accountKey) ? ['location'] : [];
  }

  /** Where a member who is believed is now, for the next time. */
  remember(batch: Batch, policy: Policy): void {
    const { request, accountKey, sealKey } = this.input;
    if (!sealKey || !asksForJourneys(policy) || !this.isSomewhere) return;
    const rows = batch.use(this.slices.lastSeen);
    // what could not be read is not overwritten
    if (rows.isLate(accountKey)) return;
    rows.put(accountKey, seenAfter(rows.of(accountKey), whereaboutsOf(request, this.ip), batch.nowMs), sealKey);
  }

  /** Looked up once, and only for a policy that asks. */
  private get ip(): IpFacts | undefined {
    const { request, networks } = this.input;
    if (this.ipFacts === undefined && request.ip !== undefined) this.ipFacts = networks.of(request.ip);
    return this.ipFacts;
  }

  private get isSomewhere(): boolean {
    const { place, country } = whereaboutsOf(this.input.request, this.ip);
    return place !== undefined || country !== undefined;
  }

  private facts(
    batch: Batch,
    readings: readonly LimitReading[],
    lists: readonly ListMatch[],
    openHolds: number,
  ): Facts {
    const { request, accountKey } = this.input;
    const lastSeen = batch.use(this.slices.lastSeen).of(accountKey);
    const on = (name: ListMatch['list']) => lists.filter(({ list }) => list === name).map(({ subject }) => subject);
    return {
      ...factsOf(request, { ip: this.ip, lastSeen }, batch.nowMs),
      'account.openHolds': openHolds,
      'lists.block': on('block'),
      'lists.allow': on('allow'),
      'lists.watch': on('watch'),
      limits: Object.fromEntries(readings.map((reading) => [reading.limit.id, limitFacts(reading)])),
    };
  }
}

const limitFacts = ({ limit, used, breached }: LimitReading): LimitFacts => ({
  used,
  cap: limit.cap,
  remaining: Math.max(0, limit.cap - used),
  share: used / limit.cap,
  breached,
});

const listedValues = (request: DecisionRequest): ListedValues => ({
  account: request.accountId,
  device: request.device?.id,
  ip: request.ip,
  emailDomain: emailDomainOf(request.recipient?.email ?? ''),
  instrument: request.instrumentId,
  store: request.storeId,
  employee: request.employeeId,
});

const JOURNEYS: readonly FactPath[] = [
  'signals.distanceKm',
  'signals.speedKmh',
  'signals.impossibleSpeed',
  'signals.countryChanged',
];

/** Whether a policy's rules look at journeys: where none does, nothing is remembered of where members are. */
const asksForJourneys = ({ rules }: Policy): boolean => JOURNEYS.some((fact) => rules.facts.has(fact));
