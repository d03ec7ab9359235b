import { Module } from '@nestjs/common';
import { DecisionModule } from '../decision/decision.module.js';
import { LabelController } from './label.controller.js';

@Module({ imports: [DecisionModule], controllers: [LabelController] })
export class LabelModule {}
