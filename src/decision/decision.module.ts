import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { KeyRing } from '../platform/keys/key-ring.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import { KEY_RING, LANES, LOGGER, METRICS, RECORD } from '../platform/platform.tokens.js';
import type { Metrics } from '../platform/telemetry/metrics.js';
import { LISTS, ListsModule } from '../lists/lists.module.js';
import { ListService } from '../lists/list.service.js';
import type { ListSlice } from '../lists/list.slice.js';
import { POLICIES, PolicyModule } from '../policy/policy.module.js';
import type { PolicySlice } from '../policy/policy.slice.js';
import { AppealController } from './appeal.controller.js';
import { DecisionController } from './decision.controller.js';
import { DecisionService } from './decision.service.js';
import { DecisionStore } from './decision.store.js';
import { type HoldSweep, holdSweep } from './hold-sweep.js';
import type { DecisionSlices } from './judgement.js';
import { lastSeenSlice } from './last-seen.slice.js';
import { NETWORKS, SignalsModule } from '../signals/signals.module.js';
import type { NetworkData } from '../signals/network-data.js';
import { TestClockController } from './test-clock.controller.js';

const SWEEP = Symbol('sweep');
const SLICES = Symbol('decision slices');

@Module({
  imports: [PolicyModule, ListsModule, SignalsModule],
  controllers: [DecisionController, AppealController, TestClockController],
  providers: [
    { provide: DecisionStore, useFactory: (pool: pg.Pool) => new DecisionStore(pool), inject: [RECORD] },
    {
      provide: SWEEP,
      useFactory: (store: DecisionStore, lanes: Lanes, metrics: Metrics, logger: Logger) =>
        holdSweep({ store, lanes, metrics, onError: (error, what) => logger.warn({ err: error }, what) }),
      inject: [DecisionStore, LANES, METRICS, LOGGER],
    },
    {
      provide: SLICES,
      useFactory: (policies: PolicySlice, lists: ListSlice, keys: KeyRing): DecisionSlices => ({
        policies,
        lists,
        lastSeen: lastSeenSlice(keys),
      }),
      inject: [POLICIES, LISTS, KEY_RING],
    },
    {
      provide: DecisionService,
      useFactory: (
        lanes: Lanes,
        keys: KeyRing,
        slices: DecisionSlices,
        networks: NetworkData,
        lists: ListService,
        store: DecisionStore,
        sweep: HoldSweep,
        metrics: Metrics,
      ) =>
        new DecisionService({
          lanes,
          keys,
          slices,
          networks,
          warmLists: (programId) => lists.warm(programId),
          store,
          sweep,
          metrics,
        }),
      inject: [LANES, KEY_RING, SLICES, NETWORKS, ListService, DecisionStore, SWEEP, METRICS],
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
