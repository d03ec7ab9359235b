import type { OpenAPIObject } from '@nestjs/swagger';

interface Operation {
  summary?: string;
  'x-scope'?: string;
}

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

/** `docs/routes.md`: every route with the scope that it needs, from the OpenAPI document. */
export function routesMarkdown(document: OpenAPIObject): string {
  const rows = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      // the extension is there where the route says a scope
      const operation = item[method] as Operation | undefined;
      if (!operation) return [];
      const scope = operation['x-scope'] ? `\`${operation['x-scope']}\`` : 'none';
      return [`| \`${method.toUpperCase()} ${path}\` | ${scope} | ${operation.summary ?? ''} |`];
    }),
  );
  return [
    '# Routes and their scopes',
    '',
    'Generated from `docs/openapi.json`. A scope covers its `:read` form; nothing else covers anything.',
    '',
    '| route | scope | |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
