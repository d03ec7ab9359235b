/** The documents in the checkout are what the code says; `npm run docs` writes them. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { REASONS } from '../../../src/decision/core/reasons.js';
import { generatedDocs } from '../../../src/generated-docs.js';
import { ERRORS } from '../../../src/kernel/errors.js';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };
const docs = await generatedDocs(version);

test.each(Object.keys(docs))('%s', (path) => {
  expect(read(path)).toBe(docs[path]);
});

test('every code is documented, once', () => {
  const linesWith = (path: string, code: string) =>
    docs[path]?.split('\n').filter((line) => line.startsWith(`| \`${code}\` |`));
  for (const code of Object.keys(ERRORS)) expect(linesWith('docs/error-codes.md', code)).toHaveLength(1);
  for (const code of Object.keys(REASONS)) expect(linesWith('docs/reason-codes.md', code)).toHaveLength(1);
});

test('every route of the document stands in the table, with its scope', () => {
  const { paths } = JSON.parse(docs['docs/openapi.json'] as string) as {
    paths: Record<string, Record<string, Record<string, string>>>;
  };
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const scope = operation['x-scope'] ? `\`${operation['x-scope']}\`` : 'none';
      expect(docs['docs/routes.md']).toContain(`| \`${method.toUpperCase()} ${path}\` | ${scope} |`);
    }
  }
});
