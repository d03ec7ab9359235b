import { applyDecorators, Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import {
  ApiConsumes,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
  ApiUnprocessableEntityResponse,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../audit/core/chain.js';
import { callerOf, RequireScope } from '../platform/http/access.hook.js';
import { JsonBody } from '../platform/http/json-body.docs.js';
import { problemAnswer } from '../platform/http/problem.docs.js';
import { bodyValidator, queryValidator } from '../platform/http/validator.js';
import { LARGEST_POLICY_BYTES } from './core/policy-source.js';
import { PolicyService } from './policy.service.js';
import * as wire from './policy.wire.schema.js';

const parseNoQuery = queryValidator(z.strictObject({}));
const parseNoBody = bodyValidator(z.strictObject({}));

/** A document may be longer than other bodies, and may be YAML: the HTTP server reads both from the route's configuration. */
const DocumentBody = () =>
  applyDecorators(
    RequireScope('policy', { bodyBytes: LARGEST_POLICY_BYTES, yaml: true }),
    ApiConsumes('application/json', 'application/yaml'),
    JsonBody(wire.draftRequest),
  );

const actorOf = (request: FastifyRequest): Actor => ({ kind: 'client', id: callerOf(request).clientId });
const programOf = (request: FastifyRequest): number => callerOf(request).program.programId;

/** Number of a version in a path, as a number is written; NaN for anything else. */
function versionOfPath(request: FastifyRequest): number {
  const { version } = request.params as { version: string };
  return /^[1-9]\d{0,9}$/.test(version) ? Number(version) : Number.NaN;
}

@ApiTags('Policy')
@ApiDefaultResponse(problemAnswer('Any other error'))
@Controller('v1/policy')
export class PolicyController {
  constructor(@Inject(PolicyService) private readonly policies: PolicyService) {}

  @Get()
  @RequireScope('policy:read')
  @ApiOperation({ operationId: 'getPolicy', summary: 'The active policy, and the versions there are' })
  @ApiOkResponse({ standardSchema: wire.policyAnswer })
  async show(@Req() request: FastifyRequest) {
    parseNoQuery(request.query);
    const { active, document, versions } = await this.policies.show(programOf(request));
    return wire.renderPolicy(active, document, versions);
  }

  @Post('versions')
  @DocumentBody()
  @ApiOperation({
    operationId: 'draftPolicy',
    summary: 'Keep a document as the next version',
    description:
      'It is a draft until it is activated. A document that is wrong disturbs nothing; each ' +
      'mistake is answered with pointer, line and column.',
  })
  @ApiCreatedResponse({ standardSchema: wire.draftAnswer })
  @ApiUnprocessableEntityResponse(problemAnswer('request.invalid, policy.invalid'))
  async draft(@Req() request: FastifyRequest) {
    parseNoQuery(request.query);
    const document = wire.documentText(request.body);
    const { version } = await this.policies.draft(programOf(request), document, actorOf(request));
    return { version, state: 'draft' as const };
  }

  @Post('versions/:version/activate')
  @HttpCode(200)
  @RequireScope('policy')
  @ApiOperation({
    operationId: 'activatePolicy',
    summary: 'Decide under this version from now on',
    description: 'Every decision asked for after the answer is made under it. Repeating it changes nothing.',
  })
  @ApiParam({ name: 'version', schema: { type: 'integer', minimum: 1 } })
  @ApiOkResponse({ standardSchema: wire.policyVersion })
  @ApiNotFoundResponse(problemAnswer('policy.not_found'))
  async activate(@Req() request: FastifyRequest) {
    parseNoQuery(request.query);
    parseNoBody(request.body);
    return wire.renderVersion(
      await this.policies.activate(programOf(request), versionOfPath(request), actorOf(request)),
    );
  }
}
