import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type pg from 'pg';
import { z } from 'zod';
import type { Metrics } from '../telemetry/metrics.js';
import { METRICS, OWN_RECORD } from '../platform.tokens.js';

const health = z.object({ status: z.enum(['ok', 'unavailable']) }).meta({ id: 'Health' });

/** Liveness asks nobody; readiness asks the record, without which nothing can be promised. */
@ApiTags('Health')
@Controller()
export class HealthController {
  private asking: Promise<unknown> | undefined;

  constructor(
    @Inject(OWN_RECORD) private readonly pool: pg.Pool,
    @Inject(METRICS) private readonly metrics: Metrics,
  ) {}

  @Get('livez')
  @ApiOperation({ operationId: 'getLiveness', summary: 'The process answers' })
  @ApiOkResponse({ standardSchema: health })
  live() {
    return { status: 'ok' };
  }

  @Get('readyz')
  @ApiOperation({ operationId: 'getReadiness', summary: 'The record answers' })
  @ApiOkResponse({ standardSchema: health })
  @ApiServiceUnavailableResponse({ standardSchema: health })
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    try {
      // anybody may ask, as often as they like: all who ask at once are one question to the record
      this.asking ??= this.pool.query('select 1').finally(() => {
        this.asking = undefined;
      });
      await this.asking;
      return { status: 'ok' };
    } catch {
      reply.code(503);
      return { status: 'unavailable' };
    }
  }

  @Get('metrics')
  @ApiOperation({ operationId: 'getMetrics', summary: 'Metrics in the Prometheus text format' })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  async text(@Res() reply: FastifyReply) {
    const { registry } = this.metrics;
    return reply.header('content-type', registry.contentType).send(await registry.metrics());
  }
}
