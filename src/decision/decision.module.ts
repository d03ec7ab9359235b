import { Inject, Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { Settings } from '../config/settings.types.js';
import type { KeyRing } from '../platform/keys/key-ring.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import { KEY_RING, LANES, LOGGER, METRICS, OWN_RECORD, RECORD, SETTINGS_TOKEN } from '../platform/platform.tokens.js';
import type { Metrics } from '../platform/telemetry/metrics.js';
import { LISTS, ListsModule } from '../lists/lists.module.js';
import { ListService } from '../lists/list.service.js';
import type { ListSlice } from '../lists/list.slice.js';
import { POLICIES, PolicyModule } from '../policy/policy.module.js';
import { PolicyService } from '../policy/policy.service.js';
import type { PolicySlice } from '../policy/policy.slice.js';
import { BatchController } from './batch.controller.js';
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
  controllers: [BatchController, DecisionController, AppealController, TestClockController],
  providers: [
    { provide: DecisionStore, useFactory: (pool: pg.Pool) => new DecisionStore(pool), inject: [RECORD] },
    {
      provide: SWEEP,
      // a store of its own: no slow read of a caller may keep holds from ending
      useFactory: (ownPool: pg.Pool, lanes: Lanes, metrics: Metrics, logger: Logger) =>
        holdSweep({
          store: new DecisionStore(ownPool),
          lanes,
          metrics,
          onError: (error, what) => logger.warn({ err: error }, what),
        }),
      inject: [OWN_RECORD, LANES, METRICS, LOGGER],
    },
    {
      provide: SLICES,
      useFactory: (policies: PolicySlice, lists: ListSlice, keys: KeyRing, settings: Settings): DecisionSlices => ({
        policies,
        lists,
        lastSeen: lastSeenSlice(keys, settings.signalDeadlineMs),
      }),
      inject: [POLICIES, LISTS, KEY_RING, SETTINGS_TOKEN],
    },
    {
      provide: DecisionService,
      useFactory: (
        lanes: Lanes,
        keys: KeyRing,
        slices: DecisionSlices,
        networks: NetworkData,
        lists: ListService,
        policies: PolicyService,
        store: DecisionStore,
        sweep: HoldSweep,
        metrics: Metrics,
        settings: Settings,
      ) =>
        new DecisionService({
          deadlineMs: settings.decisionDeadlineMs,
          lanes,
          keys,
          slices,
          networks,
          warmLists: (programId) => lists.warm(programId),
          policyOf: (programId, version) => policies.version(programId, version),
          store,
          sweep,
          metrics,
        }),
      inject: [
        LANES,
        KEY_RING,
        SLICES,
        NETWORKS,
        ListService,
        PolicyService,
        DecisionStore,
        SWEEP,
        METRICS,
        SETTINGS_TOKEN,
      ],
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
