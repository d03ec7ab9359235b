import { Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiNotFoundResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { RequireScope } from '../platform/http/access.hook.js';
import { JsonBody } from '../platform/http/json-body.docs.js';
import { problemAnswer } from '../platform/http/problem.docs.js';
import { bodyValidator, queryValidator } from '../platform/http/validator.js';
import { isoTime } from './core/decision.js';
import { renderDecision } from './core/render.js';
import { actingOf } from './decision.controller.js';
import { appealAnswer, appealRequest, noQuery } from './decision.schema.js';
import { DecisionService } from './decision.service.js';

const parse = bodyValidator(appealRequest);
const parseNoQuery = queryValidator(noQuery);

@ApiTags('Decisions')
@ApiDefaultResponse(problemAnswer('Any other error'))
@Controller('v1/decisions')
export class AppealController {
  constructor(@Inject(DecisionService) private readonly decisions: DecisionService) {}

  @Post(':id/appeal')
  @HttpCode(201)
  @RequireScope('decisions')
  @ApiOperation({
    operationId: 'appealDecision',
    summary: 'The member objects: a person looks at it within three days',
  })
  @ApiParam({ name: 'id', description: 'decisionId', schema: { type: 'string' } })
  @JsonBody(appealRequest)
  @ApiCreatedResponse({ standardSchema: appealAnswer })
  @ApiNotFoundResponse(problemAnswer('decision.not_found'))
  async appeal(@Req() request: FastifyRequest) {
    parseNoQuery(request.query);
    const { note } = parse(request.body);
    const { id } = request.params as { id: string };
    const { decision, appeal } = await this.decisions.appeal(actingOf(request), id, note);
    return { decision: renderDecision(decision), appeal: { at: isoTime(appeal.atMs), dueAt: isoTime(appeal.dueAtMs) } };
  }
}
