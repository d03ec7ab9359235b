import { randomBytes } from 'node:crypto';
import type { Actor } from '../audit/core/chain.js';
import { ServiceError, unwrap } from '../kernel/errors.js';
import { uuidOf } from '../kernel/ids.js';
import { canonicalIp, networkOf } from '../kernel/network.js';
import type { KeyRing } from '../platform/keys/key-ring.js';
import { sealNow, unseal } from '../platform/keys/seal-now.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import type { Metrics } from '../platform/telemetry/metrics.js';
import type { Outcome, SubjectKind } from '../policy/core/policy.js';
import type { NetworkData } from '../signals/network-data.js';
import { appealCommand } from './appeal.command.js';
import type { Appeal } from './appeal.slice.js';
import { approveCommand } from './approve.command.js';
import { type CancelledUnseen, callCommand, cancelTransactionCommand } from './call.command.js';
import { type ClockMove, moveClockCommand } from './clock.command.js';
import type { Decision, DecisionRequest, LimitStanding } from './core/decision.js';
import { fingerprintOf, joinPersonal, type PersonalFields, splitPersonal, subjectValues } from './core/request.js';
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
  store: DecisionStore;
  sweep: HoldSweep;
  metrics: Metrics;
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
  note: string;
}

export interface DecideOptions {
  dryRun?: boolean;
  forced?: Outcome;
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
    const { lanes, slices, metrics, keys, networks, warmLists } = this.parts;
    const end = metrics.decisionSeconds.startTimer();
    const request = canonical(given);
    // a program's first decision here would read its lists under the lock
    await warmLists(program.programId);
    const command = decideCommand(slices, {
      ip: request.ip === undefined ? undefined : networks.of(request.ip),
      // the process's clock only picks a key, whose id is in what it seals
      sealKey: options.dryRun ? null : await keys.sealKey(program.programId, Date.now()),
      request,
      accountKey: keys.accountKey(program.programId, request.accountId),
      fingerprint: fingerprintOf(request),
      nameOf: this.namesOf(program.programId, request),
      evidence: options.dryRun ? null : await this.evidenceOf(program.programId, request),
      actor,
      forced: options.forced,
    });
    const answer = unwrap(await lanes.submit(program.programId, command));
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
      note: await unseal(this.parts.keys, programId, note, APPEAL),
    }));
    return Promise.all(opened);
  }

  /** The decision as it reads now, with every limit as it stood when deciding. */
  async find(programId: number, id: string): Promise<{ decision: Decision; limits: LimitStanding[] }> {
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
    const values = subjectValues(request, request.ip && networkOf(request.ip));
    return (kind) => {
      const value = values[kind];
      return value === undefined ? undefined : this.parts.keys.subjectName(programId, kind, value);
    };
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
