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

/** What a program's lane row says of its policy. A version counts from the batch in which the head changes. */
export interface PolicyHead {
  version: number;
}

/** Parsed policies of this process: a version never changes once it is in the record. */
export interface PolicyCache {
  get(programId: number, version: number): Policy | undefined;
  put(programId: number, active: ActivePolicy): void;
  /** What was active when last looked: a guess, good for naming rows before the lane. */
  last(programId: number): ActivePolicy | undefined;
}

const MOST_POLICIES = 1000;

export function policyCache(): PolicyCache {
  const policies = new Map<string, Policy>();
  const lastActive = new Map<number, ActivePolicy>();
  return {
    get: (programId, version) => policies.get(`${programId}/${version}`),
    put(programId, active) {
      if (policies.size >= MOST_POLICIES) policies.clear();
      policies.set(`${programId}/${active.version}`, active.policy);
      lastActive.set(programId, active);
    },
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

  /** Before the lock a guess, under it the active one once it is loaded. */
  get active(): ActivePolicy | undefined {
    if (this.found) return this.found;
    const head = this.batch.head<PolicyHead>('policy');
    if (!head) return this.cache.last(this.batch.programId);
    const policy = this.cache.get(this.batch.programId, head.version);
    if (policy) this.found = { version: head.version, policy };
    return this.found;
  }

  load(transaction: LaneTransaction): Promise<unknown> | undefined {
    const { programId } = this.batch;
    const head = this.batch.head<PolicyHead>('policy');
    if (!head || this.active) return undefined;
    return transaction.query(SELECT, [programId, head.version]).then(([row]) => {
      const parsed = parsePolicy(row?.document ?? '');
      if (!('policy' in parsed)) throw new Error(`policy ${head.version} of program ${programId} cannot be read`);
      this.cache.put(programId, { version: head.version, policy: parsed.policy });
    });
  }
}

export type PolicySlice = Slice<PolicyInForce>;

export const policySlice = (cache: PolicyCache): PolicySlice => ({
  name: 'policy',
  open: (batch) => new PolicyInForce(cache, batch),
  load: (inForce, transaction) => inForce.load(transaction),
});
