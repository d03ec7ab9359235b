import type { Actor } from '../audit/core/chain.js';
import { within } from '../kernel/deadline.js';
import { ServiceError, unwrap } from '../kernel/errors.js';
import { idOf, uuidOf } from '../kernel/ids.js';
import { canonicalIp } from '../kernel/network.js';
import { randomBytes } from '../kernel/random.js';
import type { KeyRing } from '../platform/keys/key-ring.js';
import { SealError } from '../platform/keys/seal.js';
import { sealNow, unseal } from '../platform/keys/seal-now.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import type { Metrics } from '../platform/telemetry/metrics.js';
import type { Outcome, Policy, SubjectKind } from '../policy/core/policy.js';
import type { NetworkData } from '../signals/network-data.js';
import { appealCommand } from './appeal.command.js';
import type { Appeal } from './appeal.slice.js';
import { approveCommand } from './approve.command.js';
import { type CancelledUnseen, callCommand, cancelTransactionCommand } from './call.command.js';
import { type ClockMove, moveClockCommand } from './clock.command.js';
import type { Decision, DecisionRequest, LimitStanding } from './core/decision.js';
import { fingerprintOf, joinPersonal, type PersonalFields, splitPersonal, SUBJECT_VALUES } from './core/request.js';
import { unpackStandings } from './core/standings.js';
import type { Calls } from './core/transitions.js';
import { type DecideAnswer, decideCommand, type RequestEvidence } from './decide.command.js';
import type { DecisionFilter, DecisionStore } from './decision.store.js';
import type { HoldSweep } from './hold-sweep.js';
import type { DecisionSlices } from './judgement.js';

export interface DecisionParts {
  lanes: Lanes;
  keys: KeyRing;
  slices: DecisionSlices;
  networks: NetworkData;
  /** Reads a program's lists before the lane needs them; a look-up where they are known. */
  warmLists: (programId: number) => Promise<void>;
  /** A version of a program's policy, active or not. */
  policyOf: (programId: number, version: number) => Promise<Policy>;
  store: DecisionStore;
  sweep: HoldSweep;
  metrics: Metrics;
  /** Within which a decision is made, or 503. */
  deadlineMs: number;
}

/** The program that acts, and who acts in it. */
export interface Acting {
  program: { programId: number; name: string; mode: 'live' | 'test' };
  actor: Actor;
}

/** What a person reads of an appeal. */
export interface OpenAppeal {
  decision: Decision;
  atMs: number;
  dueAtMs: number;
  /** Null once the key that it was sealed under is gone. */
  note: string | null;
}

export interface DecideOptions {
  dryRun?: boolean;
  forced?: Outcome;
  /** Answers every limit, not only those worth showing. */
  withLimits?: boolean;
}

/** Where what is sealed is kept. */
const EVIDENCE = 'decision_evidence';
const APPEAL = 'appeal';

const noSuch = () => new ServiceError('decision.not_found', 'There is no such decision.');

const SALT_BYTES = 16;

/** The main job: a transaction is decided, and what becomes of it is recorded. */
export class DecisionService {
  constructor(private readonly parts: DecisionParts) {}

  /** Decides, or answers the decision that the transaction already has. */
  async decide({ program, actor }: Acting, given: DecisionRequest, options: DecideOptions = {}): Promise<DecideAnswer> {
    if (options.forced) requireTest(program);
    const { lanes, slices, metrics, keys, networks, deadlineMs } = this.parts;
    const end = metrics.decisionSeconds.startTimer();
    const startedMs = performance.now();
    const request = canonical(given);
    const prepared = await within(deadlineMs, this.beforeLane(program.programId, request, options.dryRun ?? false));
    const command = decideCommand(slices, {
      ...prepared,
      networks,
      request,
      accountKey: keys.accountKey(program.programId, request.accountId),
      fingerprint: fingerprintOf(request),
      nameOf: this.namesOf(program.programId, request),
      actor,
      forced: options.forced,
      withLimits: options.withLimits ?? false,
    });
    const leftMs = Math.max(1, deadlineMs - (performance.now() - startedMs));
    const answer = unwrap(await lanes.submit(program.programId, command, leftMs));
    end();
    if (answer.isNew && !options.dryRun) {
      metrics.decisions.inc({ program: program.name, type: request.type, outcome: answer.decision.outcome });
    }
    return answer;
  }

  /** Commit, cancel or reverse by the decision's id. */
  async call<C extends 'commit' | 'cancel' | 'reverse' | 'refuse'>(
    name: C,
    { program, actor }: Acting,
    id: string,
    call: Calls[C],
  ): Promise<Decision> {
    const command = callCommand(name, decisionUuid(id), call, actor);
    return unwrap(await this.parts.lanes.submit(program.programId, command));
  }

  async cancelTransaction({ program, actor }: Acting, transactionId: string): Promise<Decision | CancelledUnseen> {
    return unwrap(await this.parts.lanes.submit(program.programId, cancelTransactionCommand(transactionId, actor)));
  }

  /** An analyst approves a review, or upholds the appeal of a denied one. */
  async approve({ program, actor }: Acting, id: string): Promise<Decision> {
    const { lanes, slices, store, keys } = this.parts;
    const decisionId = decisionUuid(id);
    const evidence = await store.evidence(program.programId, decisionId);
    if (!evidence) throw noSuch();
    const request = joinPersonal(
      JSON.parse(evidence.request) as DecisionRequest,
      evidence.sealed &&
        (JSON.parse(await unseal(keys, program.programId, evidence.sealed, EVIDENCE)) as PersonalFields),
    );
    const nameOf = this.namesOf(program.programId, request);
    return unwrap(
      await lanes.submit(program.programId, approveCommand(slices.policies, { decisionId, request, nameOf, actor })),
    );
  }

  /** The member objects: people are told, and one of them answers in time. */
  async appeal({ program, actor }: Acting, id: string, note: string): Promise<{ decision: Decision; appeal: Appeal }> {
    const decisionId = decisionUuid(id);
    const sealed = await sealNow(this.parts.keys, program.programId, note, APPEAL);
    return unwrap(await this.parts.lanes.submit(program.programId, appealCommand(decisionId, sealed, actor)));
  }

  /** Open appeals with their notes, the most urgent first. */
  async appeals(programId: number, limit: number): Promise<OpenAppeal[]> {
    const waiting = await this.parts.store.openAppeals(programId, limit);
    const opened = waiting.map(async ({ note, ...appeal }) => ({
      ...appeal,
      note: await this.noteOf(programId, note),
    }));
    return Promise.all(opened);
  }

  /** One note that cannot be read must not hide the other appeals. */
  private async noteOf(programId: number, sealed: Buffer): Promise<string | null> {
    try {
      return await unseal(this.parts.keys, programId, sealed, APPEAL);
    } catch (error) {
      if (error instanceof SealError) return null;
      throw error;
    }
  }

  /** The id of the decision that a transaction has. */
  async idOfTransaction(programId: number, transactionId: string): Promise<string> {
    const [decision] = await this.parts.store.list(programId, { transactionId, limit: 1 });
    if (!decision) throw noSuch();
    return idOf('dec', decision.decisionId);
  }

  /** The decision as it reads now. */
  async find(programId: number, id: string): Promise<Decision> {
    return (await this.stored(programId, id)).decision;
  }

  /** The decision as it reads now, with every limit as it stood when deciding. */
  async findWithLimits(programId: number, id: string): Promise<{ decision: Decision; limits: LimitStanding[] }> {
    const { decision, readings } = await this.stored(programId, id);
    const { limits } = await this.parts.policyOf(programId, decision.policyVersion);
    return { decision, limits: unpackStandings(readings, limits) };
  }

  private async stored(programId: number, id: string) {
    const found = await this.parts.store.byId(programId, decisionUuid(id));
    if (!found) throw noSuch();
    return found;
  }

  async list(
    programId: number,
    filter: Omit<DecisionFilter, 'accountKey'> & { accountId?: string },
  ): Promise<Decision[]> {
    const { accountId, ...rest } = filter;
    const accountKey = accountId === undefined ? undefined : this.parts.keys.accountKey(programId, accountId);
    return this.parts.store.list(programId, { ...rest, accountKey });
  }

  /** Moves a test program's clock; what is due by then has happened when this answers. @returns ms */
  async moveClock({ program, actor }: Acting, move: ClockMove): Promise<number> {
    requireTest(program);
    const now = unwrap(await this.parts.lanes.submit(program.programId, moveClockCommand(move, actor)));
    await this.parts.sweep.program(program.programId);
    return now;
  }

  /** Keyed names of the subjects of a request, each made once. */
  private namesOf(programId: number, request: DecisionRequest): (kind: SubjectKind) => string | undefined {
    return (kind) => {
      const value = SUBJECT_VALUES[kind]?.(request);
      return value === undefined ? undefined : this.parts.keys.subjectName(programId, kind, value);
    };
  }

  /** Work that needs no lock. A dry run keeps nothing, so it needs no key. */
  private async beforeLane(programId: number, request: DecisionRequest, dryRun: boolean) {
    const { keys, warmLists } = this.parts;
    // a program's first decision here would read its lists under the lock
    await warmLists(programId);
    if (dryRun) return { sealKey: null, evidence: null };
    // the process's clock only picks a key, whose id is in what it seals
    const sealKey = await keys.sealKey(programId, Date.now());
    return { sealKey, evidence: await this.evidenceOf(programId, request) };
  }

  private async evidenceOf(programId: number, request: DecisionRequest): Promise<RequestEvidence> {
    const { open: openFields, personal } = splitPersonal(request);
    const personalText = personal ? JSON.stringify(personal) : '';
    const sealed = personal ? await sealNow(this.parts.keys, programId, personalText, EVIDENCE) : null;
    return { request: JSON.stringify(openFields), personal: personalText, sealed, salt: randomBytes(SALT_BYTES) };
  }
}

function decisionUuid(id: string): string {
  const uuid = uuidOf('dec', id);
  if (uuid === undefined) throw noSuch();
  return uuid;
}

function requireTest(program: Acting['program']): void {
  if (program.mode !== 'test') throw new ServiceError('test.live_program', 'Only a test program does this.');
}

/** One form of what can be written in several. */
function canonical(request: DecisionRequest): DecisionRequest {
  return request.ip === undefined ? request : { ...request, ip: canonicalIp(request.ip) };
}
