/** A small reader of `.http` files: file variables, named requests, `{{name.response.body.path}}`, and `# expect` lines. */

export interface HttpRequest {
  title: string;
  name?: string;
  /** `status: path=value path=value`, not yet filled in. */
  expected: string;
  method: string;
  url: string;
  headers: [string, string][];
  body?: string;
}

export interface HttpFile {
  variables: Record<string, string>;
  requests: HttpRequest[];
}

const REQUEST_LINE = /^(GET|POST|PUT|PATCH|DELETE) (\S+)$/;

export function readHttpFile(text: string): HttpFile {
  const [head = '', ...blocks] = text.split(/^###/m);
  const variables = Object.fromEntries([...head.matchAll(/^@(\w+) = (.*)$/gm)].map(([, name, value]) => [name, value]));
  return { variables, requests: blocks.map(readRequest) };
}

function readRequest(block: string): HttpRequest {
  const [title = '', ...lines] = block.trim().split('\n');
  const start = lines.findIndex((line) => REQUEST_LINE.test(line));
  const [, method = '', url = ''] = REQUEST_LINE.exec(lines[start] ?? '') ?? [];
  if (method === '') throw new Error(`no request line below "${title}"`);
  const comments = lines.slice(0, start).join('\n');
  const gap = lines.indexOf('', start);
  const headerLines = lines.slice(start + 1, gap === -1 ? undefined : gap);
  const body =
    gap === -1
      ? ''
      : lines
          .slice(gap + 1)
          .join('\n')
          .trim();
  return {
    title: title.trim(),
    name: /^# @name (\w+)$/m.exec(comments)?.[1],
    expected: /^# expect (.*)$/m.exec(comments)?.[1] ?? '',
    method,
    url,
    headers: headerLines.map((line) => line.split(/: (.*)/s, 2) as [string, string]),
    ...(body !== '' && { body }),
  };
}

/** The value at a dotted path. */
export const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((here, name) => (here as Record<string, unknown> | null | undefined)?.[name], value);

/** A value as it stands in an URL or an expectation. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Fills in variables and what earlier answers said; a name that is not known is an error. */
export function fillIn(text: string, variables: Record<string, string>, bodies: ReadonlyMap<string, unknown>): string {
  return text.replaceAll(/\{\{([^}]+)\}\}/g, (_match, name: string) => {
    const [, request, path] = /^(\w+)\.response\.body\.(.+)$/.exec(name) ?? [];
    const value = request && path ? at(bodies.get(request), path) : variables[name];
    if (value === undefined) throw new Error(`nothing is known as {{${name}}}`);
    return textOf(value);
  });
}
