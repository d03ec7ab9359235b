import { Module, type OnModuleDestroy } from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import type pg from 'pg';
import type { KeyRing } from '../platform/keys/key-ring.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import { KEY_RING, LANES, OWN_RECORD, RECORD } from '../platform/platform.tokens.js';
import { AccessService } from './access.service.js';
import { openAccess } from './open-access.js';
import { TokenController } from './token.controller.js';

@Module({
  imports: [JwtModule.register({})],
  controllers: [TokenController],
  providers: [
    {
      provide: AccessService,
      useFactory: (pool: pg.Pool, lanes: Lanes, ring: KeyRing, jwt: JwtService, ownPool: pg.Pool) =>
        openAccess(pool, lanes, ring, jwt, ownPool),
      inject: [RECORD, LANES, KEY_RING, JwtService, OWN_RECORD],
    },
  ],
  exports: [AccessService],
})
export class AccessModule implements OnModuleDestroy {
  constructor(private readonly access: AccessService) {}

  onModuleDestroy(): void {
    this.access.stop();
  }
}
