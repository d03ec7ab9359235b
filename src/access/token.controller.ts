import { Controller, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConsumes,
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
  ApiUnauthorizedResponse,
  ApiUnsupportedMediaTypeResponse,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../kernel/errors.js';
import { AccessService, type IssuedToken } from './access.service.js';
import {
  isTokenRefusal,
  readTokenRequest,
  refusal,
  type TokenErrorCode,
  type TokenRefusal,
} from './core/token-request.js';
import { TOKEN_ERROR_SCHEMA, TOKEN_REQUEST_SCHEMA, TOKEN_SCHEMA } from './token.schema.js';

/** RFC 6749 §5.2: 401 where the client is not who it says, 400 for the rest of what it did wrong. */
const STATUS: Record<TokenErrorCode, number> = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_scope: 400,
  unsupported_grant_type: 400,
  temporarily_unavailable: 503,
};

interface TokenErrorBody {
  error: TokenErrorCode;
  error_description: string;
}

@ApiTags('Access')
@Controller('oauth')
export class TokenController {
  constructor(private readonly access: AccessService) {}

  @Post('token')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Header('Pragma', 'no-cache')
  @ApiOperation({
    operationId: 'issueToken',
    summary: 'An access token for client credentials (RFC 6749 §4.4)',
    description:
      'The secret comes by Basic or in the form. Keep the token until it ends; a new one costs 40 ms of work.',
  })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ schema: TOKEN_REQUEST_SCHEMA })
  @ApiOkResponse({ description: 'A bearer token of 15 minutes', standardSchema: TOKEN_SCHEMA })
  @ApiBadRequestResponse({ description: 'The request or its scope is not good', standardSchema: TOKEN_ERROR_SCHEMA })
  @ApiUnauthorizedResponse({ description: 'The client is not authenticated', standardSchema: TOKEN_ERROR_SCHEMA })
  @ApiUnsupportedMediaTypeResponse({ description: 'The body is not a form', standardSchema: TOKEN_ERROR_SCHEMA })
  @ApiServiceUnavailableResponse({ description: 'Ask again after Retry-After', standardSchema: TOKEN_ERROR_SCHEMA })
  async token(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IssuedToken | TokenErrorBody> {
    if (!(request.body instanceof URLSearchParams)) {
      return refuse(reply, refusal('invalid_request', 'The body must be application/x-www-form-urlencoded.'), 415);
    }
    const asked = readTokenRequest(request.body, request.headers.authorization || undefined);
    if (isTokenRefusal(asked)) return refuse(reply, asked);
    try {
      const issued = await this.access.issueToken(asked);
      return isTokenRefusal(issued) ? refuse(reply, issued) : issued;
    } catch (error) {
      if (!(error instanceof ServiceError) || error.extra.retryAfterSeconds === undefined) throw error;
      void reply.header('Retry-After', String(error.extra.retryAfterSeconds));
      return refuse(reply, refusal('temporarily_unavailable', error.detail));
    }
  }
}

function refuse(reply: FastifyReply, { error, description }: TokenRefusal, status = STATUS[error]): TokenErrorBody {
  void reply.status(status);
  // RFC 9110 §15.5.2 wants a challenge with every 401, however the secret came
  if (status === 401) void reply.header('WWW-Authenticate', 'Basic realm="pointguard", charset="UTF-8"');
  return { error, error_description: description };
}
