import { Module } from '@nestjs/common';
import type pg from 'pg';
import type { KeyRing } from '../platform/keys/key-ring.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import { KEY_RING, LANES, RECORD } from '../platform/platform.tokens.js';
import { ListController } from './list.controller.js';
import { ListService } from './list.service.js';
import { type ListSlice, listSlice } from './list.slice.js';
import { type ListSnapshots, listSnapshots } from './list-snapshots.js';
import { openListStore } from './list.store.js';

/** `ListSlice`: the lists in force, as commands of the lane see them. */
export const LISTS = Symbol('lists');
const SNAPSHOTS = Symbol('list-snapshots');

@Module({
  controllers: [ListController],
  providers: [
    { provide: SNAPSHOTS, useFactory: () => listSnapshots() },
    { provide: LISTS, useFactory: (snapshots: ListSnapshots) => listSlice(snapshots), inject: [SNAPSHOTS] },
    {
      provide: ListService,
      useFactory: (lanes: Lanes, keys: KeyRing, lists: ListSlice, snapshots: ListSnapshots, pool: pg.Pool) =>
        new ListService({ lanes, keys, lists, snapshots, store: openListStore(pool) }),
      inject: [LANES, KEY_RING, LISTS, SNAPSHOTS, RECORD],
    },
  ],
  exports: [LISTS, ListService],
})
export class ListsModule {}
