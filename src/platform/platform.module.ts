import { type DynamicModule, Module } from '@nestjs/common';
import { HealthController } from './health/health.controller.js';
import type { Platform } from './open-platform.js';
import { KEY_RING, LANES, LOGGER, METRICS, OWN_RECORD, RECORD, SETTINGS_TOKEN } from './platform.tokens.js';

/** Gives what was opened at start to all modules. */
@Module({})
export class PlatformModule {
  static of({ pool, ownPool, lanes, keys, metrics, settings, logger }: Platform): DynamicModule {
    const providers = [
      { provide: RECORD, useValue: pool },
      { provide: OWN_RECORD, useValue: ownPool },
      { provide: LANES, useValue: lanes },
      { provide: KEY_RING, useValue: keys },
      { provide: METRICS, useValue: metrics },
      { provide: SETTINGS_TOKEN, useValue: settings },
      { provide: LOGGER, useValue: logger },
    ];
    return {
      module: PlatformModule,
      global: true,
      controllers: [HealthController],
      providers,
      exports: providers.map(({ provide }) => provide),
    };
  }
}
