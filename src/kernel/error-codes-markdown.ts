import { ERROR_KINDS, ERRORS } from './errors.js';

/** `docs/error-codes.md`: every code that a client may see, from the table that answers are made by. */
export const errorCodesMarkdown = (): string =>
  [
    '# Error codes',
    '',
    'Generated from `src/kernel/errors.ts`. An error is an RFC 9457 `application/problem+json` with `type`, `title`,',
    '`status`, `detail`, `code` and `traceId`, and for a request that does not fit the schema with `errors`, a list of',
    '`{pointer, message}`. `code` is stable; `detail` is for people and may change. Nothing that the caller sent comes',
    'back. With `Retry-After`, the same request may be sent again. `POST /oauth/token` answers as RFC 6749 §5.2 says.',
    '',
    '| code | HTTP | gRPC | |',
    '|---|---|---|---|',
    ...Object.entries(ERRORS).map(([code, { kind, title }]) => {
      const { http, grpc } = ERROR_KINDS[kind];
      return `| \`${code}\` | ${http} | ${grpc} | ${title} |`;
    }),
    '',
  ].join('\n');
