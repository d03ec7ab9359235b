import type { Batch, LaneTransaction, Slice, Statement } from '../platform/lane/lane.types.js';
import type { Policy } from './core/policy.js';
import { parsePolicy } from './core/policy.schema.js';

const SELECT: Statement = {
  name: 'policy_select',
  text: 'select document from policy_version where program_id = $1 and version = $2',
};

export interface ActivePolicy {
  version: number;
  policy: Policy;
}

/** What a program's lane row says of its policy. A version counts from the batch after the one that changes the head. */
export interface PolicyHead {
  version: number;
}

export const policyHead = (batch: Batch): PolicyHead | undefined => batch.head('policy') as PolicyHead | undefined;

/** Parsed policies of this process: a version never changes once it is in the record. */
export interface PolicyCache {
  get(programId: number, version: number): Policy | undefined;
  put(programId: number, version: number, policy: Policy): void;
  /** Says which version was found to be active. */
  seen(programId: number, active: ActivePolicy): void;
  /** What was active when last looked: a guess, good for naming rows before the lane. */
  last(programId: number): ActivePolicy | undefined;
}

const MOST_POLICIES = 1000;

export function policyCache(): PolicyCache {
  const policies = new Map<string, Policy>();
  const lastActive = new Map<number, ActivePolicy>();
  return {
    get: (programId, version) => policies.get(`${programId}/${version}`),
    put(programId, version, policy) {
      if (policies.size >= MOST_POLICIES) policies.clear();
      policies.set(`${programId}/${version}`, policy);
    },
    seen: (programId, active) => void lastActive.set(programId, active),
    last: (programId) => lastActive.get(programId),
  };
}

/** The policy that is active in this batch. */
export class PolicyInForce {
  private found: ActivePolicy | undefined;
  constructor(
    private readonly cache: PolicyCache,
    private readonly batch: Batch,
  ) {}

  /** Before the lock a guess, under it the active one once it is loaded; the same to the end of the batch. */
  get active(): ActivePolicy | undefined {
    if (this.found) return this.found;
    const { programId } = this.batch;
    const head = policyHead(this.batch);
    if (!head) return this.cache.last(programId);
    const policy = this.cache.get(programId, head.version);
    if (policy) {
      this.found = { version: head.version, policy };
      this.cache.seen(programId, this.found);
    }
    return this.found;
  }

  load(transaction: LaneTransaction): Promise<unknown> | undefined {
    const head = policyHead(this.batch);
    return head && !this.active ? this.read(transaction, head.version) : undefined;
  }

  private async read(transaction: LaneTransaction, version: number): Promise<void> {
    const { programId } = this.batch;
    const [row] = await transaction.query(SELECT, [programId, version]);
    const parsed = parsePolicy(row?.document ?? '');
    if (!('policy' in parsed)) throw new Error(`policy ${version} of program ${programId} cannot be read`);
    this.cache.put(programId, version, parsed.policy);
  }
}

export type PolicySlice = Slice<PolicyInForce>;

export const policySlice = (cache: PolicyCache): PolicySlice => ({
  name: 'policy',
  open: (batch) => new PolicyInForce(cache, batch),
  load: (inForce, transaction) => inForce.load(transaction),
});
