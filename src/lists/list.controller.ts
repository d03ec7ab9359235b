import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiDefaultResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ServiceError } from '../kernel/errors.js';
import { idOf, uuidOf } from '../kernel/ids.js';
import { callerOf, RequireScope } from '../platform/http/access.hook.js';
import { JsonBody } from '../platform/http/json-body.docs.js';
import { problemAnswer } from '../platform/http/problem.docs.js';
import { bodyValidator, invalid, queryValidator } from '../platform/http/validator.js';
import { ENTRY_STATES, isListName, LIST_NAMES, LIST_SUBJECTS, type ListName } from './core/list-entry.js';
import type { NewListEntry } from './list.commands.js';
import * as wire from './list.schema.js';
import { type ListActing, ListService } from './list.service.js';

const parseNewEntry = bodyValidator(wire.newListEntryRequest);
const parseRemoval = bodyValidator(wire.removeListEntryRequest);
const parseAddQuery = queryValidator(wire.addQuery);
const parseRemoveQuery = queryValidator(wire.removeQuery);
const parseEntriesQuery = queryValidator(wire.listEntriesQuery);

const actingOf = (request: FastifyRequest): ListActing => {
  const { clientId, program } = callerOf(request);
  return { programId: program.programId, actor: { kind: 'client', id: clientId } };
};

/** The list that the path names; another name is no route of ours. */
function listOf(request: FastifyRequest): ListName {
  const { list } = request.params as { list: string };
  if (!isListName(list)) throw new ServiceError('route.not_found', 'There is no such list.');
  return list;
}

function newEntryOf(list: ListName, body: z.infer<typeof wire.newListEntryRequest>): NewListEntry {
  const { expiresAt, ...given } = body;
  return { list, ...given, expiresAtMs: expiresAt === undefined ? null : Date.parse(expiresAt) };
}

const TheList = () => ApiParam({ name: 'list', schema: { type: 'string', enum: [...LIST_NAMES] } });

@ApiTags('Lists')
@ApiDefaultResponse(problemAnswer('Any other error'))
@ApiNotFoundResponse(problemAnswer('route.not_found'))
@Controller('v1/lists/:list/entries')
export class ListController {
  constructor(@Inject(ListService) private readonly lists: ListService) {}

  @Post()
  @RequireScope('lists')
  @ApiOperation({
    operationId: 'addListEntry',
    summary: 'Put a value on a list',
    description:
      'In force from the next decision on, over all instances. Entries are never edited: to change one, add another and ' +
      'remove it. A block beats an allow; an allow passes no hard limit.',
  })
  @TheList()
  @JsonBody(wire.newListEntryRequest)
  @ApiQuery({ name: 'dryRun', required: false, schema: { type: 'string', enum: ['true', 'false'] } })
  @ApiCreatedResponse({ standardSchema: wire.listEntryAnswer })
  @ApiOkResponse({ description: 'With dryRun: nothing is recorded', standardSchema: wire.listPreviewAnswer })
  @ApiConflictResponse(problemAnswer('list.full'))
  async add(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const list = listOf(request);
    const { dryRun } = parseAddQuery(request.query);
    const given = newEntryOf(list, parseNewEntry(request.body));
    const acting = actingOf(request);
    if (dryRun === 'true') {
      void reply.code(200);
      return wire.renderPreview(await this.lists.preview(acting.programId, given));
    }
    const entry = await this.lists.add(acting, given);
    return wire.renderEntry(entry, entry.createdAtMs);
  }

  @Get()
  @RequireScope('lists:read')
  @ApiOperation({ operationId: 'listListEntries', summary: 'Entries of a list, newest first' })
  @TheList()
  @ApiQuery({ name: 'subject', required: false, schema: { type: 'string', enum: [...LIST_SUBJECTS] } })
  @ApiQuery({
    name: 'value',
    required: false,
    description: 'Exactly what an entry names, in any form; not what a network contains',
    schema: { type: 'string' },
  })
  @ApiQuery({ name: 'state', required: false, schema: { type: 'string', enum: [...ENTRY_STATES] } })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
  @ApiQuery({
    name: 'cursor',
    required: false,
    description: 'nextCursor of the page before',
    schema: { type: 'string' },
  })
  @ApiOkResponse({ standardSchema: wire.listEntryPage })
  async list(@Req() request: FastifyRequest) {
    const list = listOf(request);
    const { cursor, limit, ...filter } = parseEntriesQuery(request.query);
    const beforeId = cursor === undefined ? undefined : uuidOf('lst', cursor);
    if (cursor !== undefined && beforeId === undefined) {
      throw invalid([{ pointer: '/cursor', message: 'is not a cursor of ours' }]);
    }
    const { programId } = callerOf(request).program;
    const { entries, nowMs } = await this.lists.page(programId, { ...filter, list, beforeId, limit: limit + 1 });
    const items = entries.slice(0, limit);
    const last = items.at(-1);
    return {
      items: items.map((entry) => wire.renderEntry(entry, nowMs)),
      nextCursor: entries.length > limit && last ? idOf('lst', last.entryId) : null,
    };
  }

  @Post(':id/remove')
  @HttpCode(200)
  @RequireScope('lists')
  @ApiOperation({
    operationId: 'removeListEntry',
    summary: 'Take an entry out of force',
    description: 'It stays to be read, as `removed`. Removing it again changes nothing.',
  })
  @ApiParam({ name: 'id', description: 'entryId', schema: { type: 'string' } })
  @TheList()
  @JsonBody(wire.removeListEntryRequest)
  @ApiOkResponse({ standardSchema: wire.listEntryAnswer })
  @ApiNotFoundResponse(problemAnswer('route.not_found, list.not_found'))
  async remove(@Req() request: FastifyRequest) {
    const list = listOf(request);
    parseRemoveQuery(request.query);
    const { reason } = parseRemoval(request.body);
    const { id } = request.params as { id: string };
    const entry = await this.lists.remove(actingOf(request), list, id, reason);
    return wire.renderEntry(entry, entry.createdAtMs);
  }
}
