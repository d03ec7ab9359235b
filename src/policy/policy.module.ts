import { Module } from '@nestjs/common';
import { policyCache, policySlice } from './policy.slice.js';

/** `PolicySlice`: the policy in force, as commands of the lane see it. */
export const POLICIES = Symbol('policies');

@Module({
  providers: [{ provide: POLICIES, useFactory: () => policySlice(policyCache()) }],
  exports: [POLICIES],
})
export class PolicyModule {}
