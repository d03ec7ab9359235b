import { Module } from '@nestjs/common';
import type pg from 'pg';
import type { Lanes } from '../platform/lane/lane.types.js';
import { LANES, RECORD } from '../platform/platform.tokens.js';
import { PolicyController } from './policy.controller.js';
import { PolicyService } from './policy.service.js';
import { type PolicyCache, policyCache, policySlice } from './policy.slice.js';
import { PolicyStore } from './policy.store.js';

/** `PolicySlice`: the policy in force, as commands of the lane see it. */
export const POLICIES = Symbol('policies');
const CACHE = Symbol('policy cache');

@Module({
  controllers: [PolicyController],
  providers: [
    { provide: CACHE, useFactory: policyCache },
    { provide: POLICIES, useFactory: policySlice, inject: [CACHE] },
    { provide: PolicyStore, useFactory: (pool: pg.Pool) => new PolicyStore(pool), inject: [RECORD] },
    {
      provide: PolicyService,
      useFactory: (lanes: Lanes, store: PolicyStore, cache: PolicyCache) => new PolicyService({ lanes, store, cache }),
      inject: [LANES, PolicyStore, CACHE],
    },
  ],
  exports: [POLICIES, PolicyService],
})
export class PolicyModule {}
