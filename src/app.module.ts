import { type DynamicModule, Module } from '@nestjs/common';
import { AccessModule } from './access/access.module.js';
import { DecisionModule } from './decision/decision.module.js';
import { LabelModule } from './labels/label.module.js';
import type { Platform } from './platform/open-platform.js';
import { ListsModule } from './lists/lists.module.js';
import { PlatformModule } from './platform/platform.module.js';
import { PolicyModule } from './policy/policy.module.js';

/** The composition root: modules on an opened platform, for the server and for the command line alike. */
@Module({})
export class AppModule {
  static on(platform: Platform): DynamicModule {
    return {
      module: AppModule,
      imports: [PlatformModule.of(platform), AccessModule, PolicyModule, ListsModule, DecisionModule, LabelModule],
    };
  }
}
