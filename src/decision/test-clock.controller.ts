import { Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import {
  ApiDefaultResponse,
  ApiForbiddenResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { durationMs } from '../kernel/duration.js';
import { RequireScope } from '../platform/http/access.hook.js';
import { JsonBody } from '../platform/http/json-body.docs.js';
import { problemAnswer } from '../platform/http/problem.docs.js';
import { bodyValidator, invalid, queryValidator } from '../platform/http/validator.js';
import type { ClockMove } from './clock.command.js';
import { isoTime } from './core/decision.js';
import { actingOf } from './decision.controller.js';
import { clockAnswer, clockRequest, noQuery } from './decision.schema.js';
import { DecisionService } from './decision.service.js';

const parseClock = bodyValidator(clockRequest);
const parseNoQuery = queryValidator(noQuery);

@ApiTags('Test programs')
@ApiDefaultResponse(problemAnswer('Any other error'))
@Controller('v1/test')
export class TestClockController {
  constructor(@Inject(DecisionService) private readonly decisions: DecisionService) {}

  @Post('clock')
  @HttpCode(200)
  @RequireScope('decisions')
  @ApiOperation({
    operationId: 'moveTestClock',
    summary: 'Put the clock of a test program somewhere',
    description: 'It stands there. What is due by then has happened when the call answers.',
  })
  @JsonBody(clockRequest)
  @ApiOkResponse({ standardSchema: clockAnswer })
  @ApiForbiddenResponse(problemAnswer('auth.scope, test.live_program'))
  @ApiUnprocessableEntityResponse(problemAnswer('request.invalid, test.clock_backwards'))
  async move(@Req() request: FastifyRequest) {
    parseNoQuery(request.query);
    const now = await this.decisions.moveClock(actingOf(request), moveOf(parseClock(request.body)));
    return { now: isoTime(now) };
  }
}

/** The schema leaves exactly one of the two. */
function moveOf({ now, advance = '' }: { now?: string; advance?: string }): ClockMove {
  if (now !== undefined) return { nowMs: Date.parse(now) };
  const advanceMs = durationMs(advance);
  if (advanceMs === undefined) {
    throw invalid([
      { pointer: '/advance', message: 'must be an ISO 8601 duration of weeks, days, hours, minutes, seconds' },
    ]);
  }
  return { advanceMs };
}
