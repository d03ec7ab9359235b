import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { KeyRing } from '../platform/keys/key-ring.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import { KEY_RING, LANES, LOGGER, METRICS, RECORD } from '../platform/platform.tokens.js';
import type { Metrics } from '../platform/telemetry/metrics.js';
import { POLICIES, PolicyModule } from '../policy/policy.module.js';
import type { PolicySlice } from '../policy/policy.slice.js';
import { DecisionController } from './decision.controller.js';
import { DecisionService } from './decision.service.js';
import { DecisionStore } from './decision.store.js';
import { type HoldSweep, holdSweep } from './hold-sweep.js';
import { TestClockController } from './test-clock.controller.js';

const SWEEP = Symbol('sweep');

@Module({
  imports: [PolicyModule],
  controllers: [DecisionController, TestClockController],
  providers: [
    { provide: DecisionStore, useFactory: (pool: pg.Pool) => new DecisionStore(pool), inject: [RECORD] },
    {
      provide: SWEEP,
      useFactory: (store: DecisionStore, lanes: Lanes, metrics: Metrics, logger: Logger) =>
        holdSweep({ store, lanes, metrics, onError: (error, what) => logger.warn({ err: error }, what) }),
      inject: [DecisionStore, LANES, METRICS, LOGGER],
    },
    {
      provide: DecisionService,
      useFactory: (
        lanes: Lanes,
        keys: KeyRing,
        policies: PolicySlice,
        store: DecisionStore,
        sweep: HoldSweep,
        metrics: Metrics,
      ) => new DecisionService({ lanes, keys, policies, store, sweep, metrics }),
      inject: [LANES, KEY_RING, POLICIES, DecisionStore, SWEEP, METRICS],
    },
  ],
  exports: [DecisionService],
})
export class DecisionModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(@Inject(SWEEP) private readonly sweep: HoldSweep) {}

  onApplicationBootstrap(): void {
    this.sweep.start();
  }

  /** Before the lanes drain: a sweep that goes on would keep them busy. */
  async onApplicationShutdown(): Promise<void> {
    await this.sweep.stop();
  }
}
