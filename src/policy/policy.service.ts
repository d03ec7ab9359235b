import type { Actor } from '../audit/core/chain.js';
import { ServiceError, unwrap } from '../kernel/errors.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import type { Policy } from './core/policy.js';
import { parsePolicy } from './core/policy.schema.js';
import { activatePolicyCommand, draftPolicyCommand } from './policy.commands.js';
import type { PolicyCache } from './policy.slice.js';
import type { PolicyStore, PolicyVersionRow } from './policy.store.js';

export interface PolicyParts {
  lanes: Lanes;
  store: PolicyStore;
  cache: PolicyCache;
}

/** What is shown: the active one, and the newest of the others. */
const MOST_VERSIONS = 200;

const noSuch = () => new ServiceError('policy.not_found', 'There is no such version of the policy.');

/** The versions of programs' policies. */
export class PolicyService {
  constructor(private readonly parts: PolicyParts) {}

  /** The active version with its document, as it was given, and all versions, newest first. */
  async show(programId: number): Promise<{ active: PolicyVersionRow; document: string; versions: PolicyVersionRow[] }> {
    const { store } = this.parts;
    const versions = await store.versions(programId, MOST_VERSIONS);
    const active = versions.find(({ state }) => state === 'active');
    if (!active) throw noSuch();
    const document = await store.document(programId, active.version);
    if (document === undefined) throw noSuch();
    return { active, document, versions: versions.toSorted((a, b) => b.version - a.version) };
  }

  /** A version as the machine reads it; what is in the record never changes. Throws `policy.not_found`. */
  async version(programId: number, version: number): Promise<Policy> {
    const { store, cache } = this.parts;
    const cached = cache.get(programId, version);
    if (cached) return cached;
    const parsed = parsePolicy((await store.document(programId, version)) ?? '');
    if (!('policy' in parsed)) throw noSuch();
    cache.put(programId, version, parsed.policy);
    return parsed.policy;
  }

  /**
   * Keeps a document as a draft.
   * @throws ServiceError `policy.invalid` with each mistake and its place; the active version goes on
   */
  async draft(programId: number, document: string, actor: Actor): Promise<{ version: number }> {
    const parsed = parsePolicy(document);
    if ('problems' in parsed) {
      const errors = parsed.problems.map(({ pointer, message, line, column }) => ({ pointer, message, line, column }));
      throw new ServiceError('policy.invalid', 'The policy document is wrong; see errors.', { errors });
    }
    const { lanes, cache } = this.parts;
    const { version } = await lanes.submit(programId, draftPolicyCommand(document, actor));
    // so that the first batch under it need not read it while it holds the lane
    cache.put(programId, version, parsed.policy);
    return { version };
  }

  /**
   * Decisions are made under this version from then on, in every instance.
   * @throws ServiceError `policy.not_found`
   */
  async activate(programId: number, version: number, actor: Actor): Promise<PolicyVersionRow> {
    // no version has a number that the record could not hold
    if (!Number.isInteger(version) || version < 1 || version > 2 ** 31 - 1) throw noSuch();
    unwrap(await this.parts.lanes.submit(programId, activatePolicyCommand(version, actor)));
    const activated = await this.parts.store.version(programId, version);
    if (!activated) throw noSuch();
    return activated;
  }
}
