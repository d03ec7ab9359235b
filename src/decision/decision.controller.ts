import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiHeader,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { idOf, uuidOf } from '../kernel/ids.js';
import { CALLER_ID } from '../kernel/text.js';
import { callerOf, RequireScope } from '../platform/http/access.hook.js';
import { JsonBody } from '../platform/http/json-body.docs.js';
import { bodyValidator, invalid, queryValidator } from '../platform/http/validator.js';
import { problemAnswer } from '../platform/http/problem.docs.js';
import { type Decision, OUTCOMES, STATUSES } from './core/decision.js';
import { renderDecision } from './core/render.js';
import type { Calls } from './core/transitions.js';
import * as wire from './decision.schema.js';
import { type Acting, DecisionService } from './decision.service.js';

const parseDecide = bodyValidator(wire.decisionRequest);
const parseCommit = bodyValidator(wire.commitRequest);
const parseCancel = bodyValidator(wire.cancelRequest);
const parseReverse = bodyValidator(wire.reverseRequest);
const parseCancelTransaction = bodyValidator(wire.cancelTransactionRequest);
const parseDecideQuery = queryValidator(wire.decideQuery);
const parseReadQuery = queryValidator(wire.readQuery);
const parseListQuery = queryValidator(wire.listQuery);
const parseNoQuery = queryValidator(wire.noQuery);

const JSON_TYPE = 'application/json; charset=utf-8';

export const actingOf = (request: FastifyRequest): Acting => {
  const { clientId, program } = callerOf(request);
  return { program, actor: { kind: 'client', id: clientId } };
};

const idOfPath = (request: FastifyRequest): string => (request.params as { id: string }).id;

const CALLER_ID_SCHEMA = { type: 'string', pattern: CALLER_ID.source };
const DecisionId = () => ApiParam({ name: 'id', description: 'decisionId', schema: { type: 'string' } });
const Include = () => ApiQuery({ name: 'include', required: false, schema: { type: 'string', enum: ['limits'] } });

@ApiTags('Decisions')
@ApiDefaultResponse(problemAnswer('Any other error'))
@Controller('v1/decisions')
export class DecisionController {
  constructor(@Inject(DecisionService) private readonly decisions: DecisionService) {}

  @Post()
  @RequireScope('decisions')
  @ApiOperation({
    operationId: 'decide',
    summary: 'Ask before points move',
    description:
      'Decides and holds the budget of every limit in one step. Repeating a transactionId evaluates nothing.',
  })
  @JsonBody(wire.decisionRequest)
  @Include()
  @ApiQuery({ name: 'dryRun', required: false, schema: { type: 'string', enum: ['true', 'false'] } })
  @ApiHeader({
    name: 'Pointguard-Test-Outcome',
    required: false,
    schema: { type: 'string', enum: [...OUTCOMES] },
  })
  @ApiCreatedResponse({ description: 'Decided now', standardSchema: wire.decisionAnswer })
  @ApiOkResponse({
    description: 'Known, as it is now; or with dryRun, without decisionId',
    standardSchema: z.union([wire.decisionAnswer, wire.dryRunAnswer]),
  })
  @ApiUnprocessableEntityResponse(problemAnswer('request.invalid, idempotency.mismatch'))
  async decide(@Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const query = parseDecideQuery(request.query);
    const body = parseDecide(request.body);
    const errors = wire.requestErrors(body);
    if (errors.length > 0) throw invalid(errors);
    const acting = actingOf(request);
    const dryRun = query.dryRun === 'true';
    const answer = await this.decisions.decide(acting, body, {
      dryRun,
      forced: testOutcomeOf(request),
      withLimits: query.include !== undefined,
    });
    void reply.code(answer.isNew && !dryRun ? 201 : 200).header('content-type', JSON_TYPE);
    if (dryRun && answer.isNew) {
      const { decisionId: _, ...rest } = renderDecision(answer.decision, query.include ? answer.limits : undefined);
      return reply.send(JSON.stringify(rest));
    }
    if (!query.include) return reply.send(answer.rendered ?? JSON.stringify(renderDecision(answer.decision)));
    const limits =
      answer.limits ??
      (await this.decisions.findWithLimits(acting.program.programId, idOf('dec', answer.decision.decisionId))).limits;
    return reply.send(JSON.stringify(renderDecision(answer.decision, limits)));
  }

  @Post('cancel')
  @HttpCode(200)
  @RequireScope('decisions')
  @ApiOperation({ operationId: 'cancelTransaction', summary: 'Cancel by transaction id, seen or not' })
  @JsonBody(wire.cancelTransactionRequest)
  @ApiOkResponse({ standardSchema: z.union([wire.decisionAnswer, wire.cancelledUnseen]) })
  @ApiConflictResponse(problemAnswer('decision.state'))
  async cancelTransaction(@Req() request: FastifyRequest) {
    parseNoQuery(request.query);
    const { transactionId } = parseCancelTransaction(request.body);
    const cancelled = await this.decisions.cancelTransaction(actingOf(request), transactionId);
    return 'decisionId' in cancelled ? renderDecision(cancelled) : cancelled;
  }

  @Get()
  @RequireScope('decisions:read')
  @ApiOperation({ operationId: 'listDecisions', summary: 'Decisions, newest first' })
  @ApiQuery({ name: 'transactionId', required: false, schema: CALLER_ID_SCHEMA })
  @ApiQuery({ name: 'accountId', required: false, schema: CALLER_ID_SCHEMA })
  @ApiQuery({ name: 'outcome', required: false, schema: { type: 'string', enum: [...OUTCOMES] } })
  @ApiQuery({ name: 'status', required: false, schema: { type: 'string', enum: [...STATUSES] } })
  @ApiQuery({
    name: 'from',
    required: false,
    description: 'Evaluated at or after',
    schema: { type: 'string', format: 'date-time' },
  })
  @ApiQuery({
    name: 'to',
    required: false,
    description: 'Evaluated before',
    schema: { type: 'string', format: 'date-time' },
  })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
  @ApiQuery({
    name: 'cursor',
    required: false,
    description: 'nextCursor of the page before',
    schema: { type: 'string' },
  })
  @ApiOkResponse({ standardSchema: wire.decisionPage })
  async list(@Req() request: FastifyRequest) {
    const { from, to, cursor, limit, ...rest } = parseListQuery(request.query);
    const beforeId = cursor === undefined ? undefined : uuidOf('dec', cursor);
    if (cursor !== undefined && beforeId === undefined)
      throw invalid([{ pointer: '/cursor', message: 'is not a cursor of ours' }]);
    const { programId } = callerOf(request).program;
    const found = await this.decisions.list(programId, {
      ...rest,
      fromMs: from && Date.parse(from),
      toMs: to && Date.parse(to),
      beforeId,
      limit: limit + 1,
    } as Parameters<DecisionService['list']>[1]);
    return pageOf(found, limit);
  }

  @Get(':id')
  @RequireScope('decisions:read')
  @ApiOperation({ operationId: 'getDecision', summary: 'A decision as it is now' })
  @DecisionId()
  @Include()
  @ApiOkResponse({ standardSchema: wire.decisionAnswer })
  @ApiNotFoundResponse(problemAnswer('decision.not_found'))
  async find(@Req() request: FastifyRequest) {
    const { include } = parseReadQuery(request.query);
    const { programId } = callerOf(request).program;
    if (!include) return renderDecision(await this.decisions.find(programId, idOfPath(request)));
    const { decision, limits } = await this.decisions.findWithLimits(programId, idOfPath(request));
    return renderDecision(decision, limits);
  }

  @Post(':id/commit')
  @HttpCode(200)
  @RequireScope('decisions')
  @ApiOperation({ operationId: 'commitDecision', summary: 'The points have moved, or a part of them' })
  @DecisionId()
  @JsonBody(wire.commitRequest, { required: false })
  @ApiOkResponse({ standardSchema: wire.decisionAnswer })
  @ApiNotFoundResponse(problemAnswer('decision.not_found'))
  @ApiConflictResponse(problemAnswer('decision.state'))
  @ApiUnprocessableEntityResponse(problemAnswer('request.invalid, decision.points'))
  async commit(@Req() request: FastifyRequest) {
    return this.call(request, 'commit', parseCommit(request.body));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @RequireScope('decisions')
  @ApiOperation({ operationId: 'cancelDecision', summary: 'The transaction will not happen: everything is given back' })
  @DecisionId()
  @JsonBody(wire.cancelRequest, { required: false })
  @ApiOkResponse({ standardSchema: wire.decisionAnswer })
  @ApiNotFoundResponse(problemAnswer('decision.not_found'))
  @ApiConflictResponse(problemAnswer('decision.state'))
  async cancel(@Req() request: FastifyRequest) {
    parseCancel(request.body);
    return this.call(request, 'cancel', {});
  }

  @Post(':id/reverse')
  @HttpCode(200)
  @RequireScope('decisions')
  @ApiOperation({ operationId: 'reverseDecision', summary: 'Committed points go back, in one or several parts' })
  @DecisionId()
  @JsonBody(wire.reverseRequest)
  @ApiOkResponse({ standardSchema: wire.decisionAnswer })
  @ApiNotFoundResponse(problemAnswer('decision.not_found'))
  @ApiConflictResponse(problemAnswer('decision.state'))
  @ApiUnprocessableEntityResponse(problemAnswer('request.invalid, decision.points, idempotency.mismatch'))
  async reverse(@Req() request: FastifyRequest) {
    return this.call(request, 'reverse', parseReverse(request.body));
  }

  private async call<C extends 'commit' | 'cancel' | 'reverse'>(request: FastifyRequest, name: C, call: Calls[C]) {
    parseNoQuery(request.query);
    return renderDecision(await this.decisions.call(name, actingOf(request), idOfPath(request), call));
  }
}

function pageOf(found: Decision[], limit: number) {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return {
    items: items.map((decision) => renderDecision(decision)),
    nextCursor: found.length > limit && last ? idOf('dec', last.decisionId) : null,
  };
}

function testOutcomeOf(request: FastifyRequest) {
  const header = request.headers['pointguard-test-outcome'];
  if (header === undefined) return undefined;
  const outcome = wire.testOutcome.safeParse(header);
  if (!outcome.success)
    throw invalid([{ pointer: '', message: 'Pointguard-Test-Outcome must be allow, challenge, review or deny' }]);
  return outcome.data;
}
