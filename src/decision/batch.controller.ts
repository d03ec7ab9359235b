import { Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import {
  ApiDefaultResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ERROR_KINDS, ERRORS } from '../kernel/errors.js';
import { RequireScope } from '../platform/http/access.hook.js';
import { JsonBody } from '../platform/http/json-body.docs.js';
import { problemAnswer } from '../platform/http/problem.docs.js';
import { problemOf, serviceErrorOf } from '../platform/http/problem.filter.js';
import { bodyValidator, invalid, queryValidator } from '../platform/http/validator.js';
import * as wire from './batch.schema.js';
import type { Decision } from './core/decision.js';
import { renderDecision } from './core/render.js';
import { actingOf } from './decision.controller.js';
import { decisionRequest, noQuery, requestErrors } from './decision.schema.js';
import { type Acting, DecisionService } from './decision.service.js';

const parseItems = bodyValidator(wire.anyItems);
const parseDecide = bodyValidator(decisionRequest);
const parseCommit = bodyValidator(wire.commitItem);
const parseNoQuery = queryValidator(noQuery);

/** Five hundred requests with all their fields; elsewhere a body is much smaller. */
const BATCH_BYTES = 1024 * 1024;

type Item = { status: number; decision: object } | { status: number; problem: object };

/** Many at once: each item has an answer of its own, and none disturbs another. Order is that of the items. */
@ApiTags('Decisions')
@ApiDefaultResponse(problemAnswer('Any other error'))
@Controller('v1/decisions')
export class BatchController {
  constructor(@Inject(DecisionService) private readonly decisions: DecisionService) {}

  @Post('batch')
  @HttpCode(200)
  @RequireScope('decisions', { bodyBytes: BATCH_BYTES })
  @ApiOperation({ operationId: 'decideBatch', summary: 'Ask for up to 500 transactions at once' })
  @JsonBody(wire.decideBatchRequest)
  @ApiOkResponse({ standardSchema: wire.batchAnswer })
  @ApiUnprocessableEntityResponse(problemAnswer('request.invalid'))
  decide(@Req() request: FastifyRequest) {
    return this.each(request, async (acting, item) => {
      const body = parseDecide(item ?? null);
      const errors = requestErrors(body);
      if (errors.length > 0) throw invalid(errors);
      const { isNew, decision } = await this.decisions.decide(acting, body);
      return { status: isNew ? 201 : 200, decision };
    });
  }

  @Post('commit-batch')
  @HttpCode(200)
  @RequireScope('decisions', { bodyBytes: BATCH_BYTES })
  @ApiOperation({
    operationId: 'commitBatch',
    summary: 'Commit up to 500 decisions at once, by their id or the transaction’s',
  })
  @JsonBody(wire.commitBatchRequest)
  @ApiOkResponse({ standardSchema: wire.batchAnswer })
  @ApiUnprocessableEntityResponse(problemAnswer('request.invalid'))
  commit(@Req() request: FastifyRequest) {
    return this.each(request, async (acting, item) => {
      const { decisionId, transactionId, points } = parseCommit(item ?? null);
      const errors = wire.commitItemErrors({ decisionId, transactionId });
      if (errors.length > 0) throw invalid(errors);
      const id = decisionId ?? (await this.decisions.idOfTransaction(acting.program.programId, transactionId ?? ''));
      return { status: 200, decision: await this.decisions.call('commit', acting, id, { points }) };
    });
  }

  private async each(
    request: FastifyRequest,
    work: (acting: Acting, item: unknown) => Promise<{ status: number; decision: Decision }>,
  ): Promise<{ items: Item[] }> {
    parseNoQuery(request.query);
    const { items } = parseItems(request.body);
    const acting = actingOf(request);
    const answers = items.map(async (item): Promise<Item> => {
      try {
        const { status, decision } = await work(acting, item);
        return { status, decision: renderDecision(decision) };
      } catch (error) {
        const failed = serviceErrorOf(error);
        if (failed.code === 'internal.error') request.log.error({ traceId: request.id, err: failed }, 'item failed');
        return { status: ERROR_KINDS[ERRORS[failed.code].kind].http, problem: problemOf(failed, request.id) };
      }
    });
    return { items: await Promise.all(answers) };
  }
}
