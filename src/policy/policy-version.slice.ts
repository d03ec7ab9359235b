import type { Batch, LaneTransaction, Slice, Statement } from '../platform/lane/lane.types.js';

const COUNTS: Statement = {
  name: 'policy_version_counts',
  text: `select (select coalesce(max(version), 0) from policy_version where program_id = $1) as versions,
      (select coalesce(max(activation), 0) from policy_activation where program_id = $1) as activations`,
};
const INSERT_VERSIONS: Statement = {
  name: 'policy_version_insert',
  text: `insert into policy_version (program_id, version, document, created_at_ms) values ($1, $2, $3, $4)`,
};
const INSERT_ACTIVATIONS: Statement = {
  name: 'policy_activation_insert',
  text: `insert into policy_activation (program_id, activation, version, activated_at_ms, activated_by)
    values ($1, $2, $3, $4, $5)`,
};

/** The versions of a program's policy in one batch. They are numbered 1, 2, … in the lane, and none ever goes. */
export class PolicyVersions {
  private counts: { versions: number; activations: number } | undefined;
  private wanted = false;
  private readonly writes: [Statement, unknown[]][] = [];

  constructor(private readonly batch: Batch) {}

  want(): void {
    this.wanted = true;
  }

  exists(version: number): boolean {
    return version >= 1 && version <= this.loaded.versions;
  }

  /** Takes the next number. */
  add(document: string): number {
    const { programId, nowMs } = this.batch;
    const version = ++this.loaded.versions;
    this.writes.push([INSERT_VERSIONS, [programId, version, document, nowMs]]);
    return version;
  }

  activate(version: number, by: string): void {
    const { programId, nowMs } = this.batch;
    this.batch.setHead('policy', { version });
    this.writes.push([INSERT_ACTIVATIONS, [programId, ++this.loaded.activations, version, nowMs, by]]);
  }

  load(transaction: LaneTransaction): Promise<unknown> | undefined {
    return this.wanted && !this.counts ? this.readCounts(transaction) : undefined;
  }

  private async readCounts(transaction: LaneTransaction): Promise<void> {
    const [row] = await transaction.query(COUNTS, [this.batch.programId]);
    this.counts = { versions: Number(row?.versions), activations: Number(row?.activations) };
  }

  write(transaction: LaneTransaction): Promise<unknown> | undefined {
    if (this.writes.length === 0) return undefined;
    return Promise.all(this.writes.map(([statement, values]) => transaction.query(statement, values)));
  }

  private get loaded(): { versions: number; activations: number } {
    if (!this.counts) throw new Error('the versions of the policy were not loaded');
    return this.counts;
  }
}

export const policyVersionSlice: Slice<PolicyVersions> = {
  name: 'policyVersion',
  open: (batch) => new PolicyVersions(batch),
  load: (versions, transaction) => versions.load(transaction),
  write: (versions, transaction) => versions.write(transaction),
};
