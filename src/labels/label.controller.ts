import { Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { ApiCreatedResponse, ApiDefaultResponse, ApiNotFoundResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { isoTime } from '../decision/core/decision.js';
import { DecisionService } from '../decision/decision.service.js';
import { unwrap } from '../kernel/errors.js';
import { idOf, uuidOf } from '../kernel/ids.js';
import { callerOf, RequireScope } from '../platform/http/access.hook.js';
import { JsonBody } from '../platform/http/json-body.docs.js';
import { problemAnswer } from '../platform/http/problem.docs.js';
import { bodyValidator, invalid, queryValidator } from '../platform/http/validator.js';
import type { KeyRing } from '../platform/keys/key-ring.js';
import { sealNow } from '../platform/keys/seal-now.js';
import type { Lanes } from '../platform/lane/lane.types.js';
import { KEY_RING, LANES } from '../platform/platform.tokens.js';
import { type Label, labelCommand } from './label.command.js';
import { labelAnswer, labelErrors, labelRequest, noQuery } from './label.schema.js';

const parse = bodyValidator(labelRequest);
const parseNoQuery = queryValidator(noQuery);

@ApiTags('Labels')
@ApiDefaultResponse(problemAnswer('Any other error'))
@Controller('v1/labels')
export class LabelController {
  constructor(
    @Inject(LANES) private readonly lanes: Lanes,
    @Inject(KEY_RING) private readonly keys: KeyRing,
    @Inject(DecisionService) private readonly decisions: DecisionService,
  ) {}

  @Post()
  @HttpCode(201)
  @RequireScope('labels')
  @ApiOperation({ operationId: 'label', summary: 'Say what a transaction or account turned out to be' })
  @JsonBody(labelRequest)
  @ApiCreatedResponse({ standardSchema: labelAnswer })
  @ApiNotFoundResponse(problemAnswer('decision.not_found'))
  async label(@Req() request: FastifyRequest) {
    parseNoQuery(request.query);
    const body = parse(request.body);
    const errors = labelErrors(body);
    if (errors.length > 0) throw invalid(errors);
    const { clientId, program } = callerOf(request);
    const { programId } = program;
    if (body.decisionId !== undefined) await this.decisions.find(programId, body.decisionId);
    const { decisionId, eventId, accountId, label, source, note, labelledAt } = body;
    const input = {
      decisionId: decisionId === undefined ? null : (uuidOf('dec', decisionId) ?? null),
      eventId: eventId ?? null,
      accountId: accountId ?? null,
      accountKey: accountId === undefined ? null : this.keys.accountKey(programId, accountId),
      label,
      source,
      labelledAtMs: labelledAt === undefined ? undefined : Date.parse(labelledAt),
      note: note === undefined ? null : await sealNow(this.keys, programId, note, 'label'),
    };
    const target = decisionId ?? (eventId === undefined ? `account:${accountId}` : `event:${eventId}`);
    const actor = { kind: 'client' as const, id: clientId };
    return rendered(unwrap(await this.lanes.submit(programId, labelCommand(input, target, actor))));
  }
}

function rendered({ labelId, decisionId, eventId, accountId, label, source, labelledAtMs, recordedAtMs }: Label) {
  return {
    labelId: idOf('lab', labelId),
    ...(decisionId && { decisionId: idOf('dec', decisionId) }),
    ...(eventId && { eventId }),
    ...(accountId && { accountId }),
    label,
    source,
    labelledAt: isoTime(labelledAtMs),
    recordedAt: isoTime(recordedAtMs),
  };
}
