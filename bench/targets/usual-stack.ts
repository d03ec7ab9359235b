/**
 * "the usual stack": what a team would assemble. Nest with class-validator's pipe, a guard and an interceptor; ten
 * limits of rate-limiter-flexible; the profile from a hash; one INSERT of jsonb. Neither atomic over the limits nor
 * idempotent. On Fastify, which is kinder to it than Nest's default.
 */
import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import {
  Body,
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Injectable,
  Module,
  type NestInterceptor,
  Post,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Pool } from 'pg';
import type { Observable } from 'rxjs';
import { tap } from 'rxjs';
import { classTransformer, classValidator, openRedis, rateLimiters } from './packages.js';
import { argument, tellReady } from './ready.js';
import { tokenCheck } from './token.js';
import { CAP, WINDOW_SECONDS } from './windows.js';

const { redisUrl, databaseUrl } = argument() as { redisUrl: string; databaseUrl: string };
const validator = await classValidator();
const transformer = await classTransformer();
const { IsIn, IsInt, IsIP, IsNumber, IsOptional, IsString, Length, Max, Min, ValidateNested } = validator;
const { Type } = transformer;

const redis = await openRedis(redisUrl);
const limiters = await rateLimiters(
  WINDOW_SECONDS.map((duration) => ({
    storeClient: redis,
    useRedisPackage: true,
    keyPrefix: `limit-${duration}`,
    points: CAP,
    duration,
  })),
);
const pool = new Pool({ connectionString: databaseUrl, max: 10 });
await pool.query(`create table if not exists decision_log (
  id bigint generated always as identity primary key, transaction_id text not null, account_id text not null,
  outcome text not null, score integer not null, payload jsonb not null, created_at timestamptz not null default now())`);
const { token, passes } = tokenCheck();

class Money {
  @IsInt() @Min(0) amount: number;
  @IsString() @Length(3, 3) currency: string;
}
class Activity {
  @IsOptional()
  @IsIn(['purchase', 'welcome', 'referral', 'mission', 'birthday', 'refund', 'goodwill', 'other'])
  kind?: string;
  @IsOptional() @IsString() @Length(1, 128) orderId?: string;
  @IsOptional() @ValidateNested() @Type(() => Money) amount?: Money;
}
class Device {
  @IsOptional() @IsString() @Length(1, 128) id?: string;
  @IsOptional() @IsString() @Length(1, 1024) userAgent?: string;
}
class Location {
  @IsNumber() @Min(-90) @Max(90) lat: number;
  @IsNumber() @Min(-180) @Max(180) lon: number;
}
class Authentication {
  @IsOptional() @IsString() @Length(1, 64) method?: string;
}
class Reward {
  @IsOptional() @IsString() @Length(1, 128) id?: string;
  @IsOptional() @IsString() @Length(1, 64) category?: string;
}
class Account {
  @IsOptional() @IsString() @Length(1, 64) tier?: string;
  @IsOptional() @IsInt() balance?: number;
}
class DecisionRequest {
  @IsString() @Length(1, 128) transactionId: string;
  @IsString() @Length(1, 128) accountId: string;
  @IsIn(['earn', 'burn', 'transfer', 'adjust']) type: string;
  @IsInt() @Min(1) points: number;
  @IsOptional() @ValidateNested() @Type(() => Activity) activity?: Activity;
  @IsOptional() @IsIn(['web', 'app', 'pos', 'call_center', 'partner']) channel?: string;
  @IsOptional() @IsString() @Length(1, 128) storeId?: string;
  @IsOptional() @IsString() @Length(1, 128) franchiseId?: string;
  @IsOptional() @IsString() @Length(1, 128) instrumentId?: string;
  @IsOptional() @ValidateNested() @Type(() => Device) device?: Device;
  @IsOptional() @IsIP() ip?: string;
  @IsOptional() @ValidateNested() @Type(() => Location) location?: Location;
  @IsOptional() @ValidateNested() @Type(() => Authentication) authentication?: Authentication;
  @IsOptional() @ValidateNested() @Type(() => Reward) reward?: Reward;
  @IsOptional() @ValidateNested() @Type(() => Account) account?: Account;
}

@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: { authorization?: string } }>();
    return passes(request.headers.authorization);
  }
}

const durations: number[] = [];

@Injectable()
class TimingInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const startedMs = performance.now();
    return next.handle().pipe(
      tap(() => {
        durations[durations.length % 1000] = performance.now() - startedMs;
      }),
    );
  }
}

@Controller('v1/decisions')
@UseGuards(TokenGuard)
@UseInterceptors(TimingInterceptor)
class DecisionController {
  @Post()
  async decide(@Body() request: DecisionRequest): Promise<object> {
    const { transactionId, accountId } = request;
    const [profile] = await Promise.all([
      redis.hGetAll(`profile:${accountId}`),
      ...limiters.map((limiter) => limiter.consume(accountId)),
    ]);
    const score = Math.min(100, Math.round(request.points / (Number(profile.mean ?? 500) + 1)));
    const outcome = score > 90 ? 'deny' : 'allow';
    await pool.query(
      'insert into decision_log (transaction_id, account_id, outcome, score, payload) values ($1, $2, $3, $4, $5)',
      [transactionId, accountId, outcome, score, request],
    );
    return { transactionId, outcome, score };
  }
}

@Module({ controllers: [DecisionController] })
class UsualModule {}

const app = await NestFactory.create<NestFastifyApplication>(UsualModule, new FastifyAdapter(), { logger: false });
app.useGlobalPipes(
  new ValidationPipe({
    transform: true,
    whitelist: true,
    validatorPackage: validator,
    transformerPackage: transformer,
  } as never),
);
await app.listen(0, '127.0.0.1');
tellReady({ port: (app.getHttpServer().address() as AddressInfo).port, token });
