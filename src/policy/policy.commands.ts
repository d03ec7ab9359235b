/** Commands on the versions of a program's policy: each checks, changes the slice and writes its audit row in one batch. */
import { auditSlice } from '../audit/audit.slice.js';
import type { Actor } from '../audit/core/chain.js';
import { type Refusal, refuse } from '../kernel/errors.js';
import type { LaneCommand } from '../platform/lane/lane.types.js';
import { policyHead } from './policy.slice.js';
import { policyVersionSlice } from './policy-version.slice.js';

/** Keeps a document, which the caller has checked, as the next version: a draft until it is activated. */
export const draftPolicyCommand = (document: string, actor: Actor): LaneCommand<{ version: number }> => ({
  name: 'policy.draft',
  priority: 'background',
  needs: (batch) => batch.use(policyVersionSlice).want(),
  step(batch) {
    const version = batch.use(policyVersionSlice).add(document);
    batch.use(auditSlice).append({ actor, action: 'policy.draft', target: `policy:${version}` });
    return { version };
  },
});

/** Decisions of later batches are made under it. Activating the active one is done already: it changes and records nothing. */
export const activatePolicyCommand = (version: number, actor: Actor): LaneCommand<{ version: number } | Refusal> => ({
  name: 'policy.activate',
  priority: 'background',
  needs: (batch) => batch.use(policyVersionSlice).want(),
  step(batch) {
    const versions = batch.use(policyVersionSlice);
    if (!versions.exists(version)) return refuse('policy.not_found', 'There is no such version of the policy.');
    const before = policyHead(batch)?.version;
    if (before === version) return { version };
    versions.activate(version, `${actor.kind}:${actor.id}`);
    const reason = before === undefined ? undefined : `in place of ${before}`;
    batch.use(auditSlice).append({ actor, action: 'policy.activate', target: `policy:${version}`, reason });
    return { version };
  },
});
