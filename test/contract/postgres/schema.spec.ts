import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { freshRecord } from '../../support/postgres.js';
import { dumpSchema } from '../../support/schema-dump.js';

const GOLDEN = new URL('../../golden/schema.sql', import.meta.url);
const HEADER = `-- The record's schema after all migrations, read from the catalogs. For review, not for execution.
-- To regenerate: UPDATE_GOLDEN=1 npm run test:contract -- test/contract/postgres/schema.spec.ts\n\n`;

test('the schema is the one in test/golden/schema.sql (regenerate with UPDATE_GOLDEN=1)', async () => {
  const schema = HEADER + (await dumpSchema(await freshRecord()));
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(GOLDEN, schema);
  expect(schema).toBe(readFileSync(GOLDEN, 'utf8'));
});
