import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { FACTS } from '../../../src/policy/core/facts.js';
import { parsePolicy } from '../../../src/policy/core/policy.schema.js';
import { policyJsonSchema, policySchema } from '../../../src/policy/core/policy-json-schema.js';
import { policyMarkdown } from '../../../src/policy/core/policy-markdown.js';

const shipped = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('the published JSON Schema', () => {
  const accepts = new Ajv2020({ allErrors: true }).compile(JSON.parse(policyJsonSchema()) as object);

  it('accepts the shipped policy, and the least one', () => {
    expect(accepts(parse(shipped('policies/default.yaml'))), JSON.stringify(accepts.errors)).toBe(true);
    expect(accepts({ version: 1 })).toBe(true);
  });

  it.each([
    {},
    { version: 2 },
    { version: 1, limitz: [] },
    { version: 1, holdTtl: '15 minutes' },
    { version: 1, holdTtl: 'P' },
    { version: 1, maxOpenHolds: 0 },
    { version: 1, maxOpenHolds: 1.5 },
    { version: 1, scoreBands: { challenge: 101 } },
    { version: 1, degraded: { lists: { burn: 'allow' } } },
    { version: 1, degraded: { velocity: { burn: 'deny' } } },
    { version: 1, rules: [{ id: 'a', when: 'true', outcome: 'allow', reason: 'r' }] },
    { version: 1, rules: [{ id: 'a', when: '', outcome: 'deny', reason: 'r' }] },
    { version: 1, rules: [{ id: 'a', outcome: 'deny', reason: 'r' }] },
    { version: 1, limits: [{ id: 'a' }] },
  ])('refuses what the service refuses: %j', (document) => {
    expect(accepts(document)).toBe(false);
    expect('problems' in parsePolicy(JSON.stringify(document))).toBe(true);
  });

  it('never refuses what the service takes: durations', () => {
    for (const text of ['PT1S', 'P90D', 'P1W', 'P1DT12H', 'PT1H30M', 'PT1.5S', 'P12W6D']) {
      expect([text, accepts({ version: 1, holdTtl: text })]).toEqual([
        text,
        'policy' in parsePolicy(JSON.stringify({ version: 1, holdTtl: text })),
      ]);
    }
  });
});

describe('docs/policy.md', () => {
  const text = policyMarkdown();

  it('has every key, every fact and every default', () => {
    for (const key of Object.keys(policySchema().properties ?? {})) expect(text).toContain(`| \`${key}\` |`);
    for (const path of Object.keys(FACTS)) expect(text).toContain(`| \`${path}\` |`);
    for (const value of ['PT15M', 'PT72H', '`10`', '`60`', '`75`', '`90`']) expect(text).toContain(value);
    expect(text).not.toContain('undefined');
  });

  it('has tables whose rows have as many cells as their heads', () => {
    const tables = text
      .trim()
      .split(/\n\n+/)
      .filter((block) => block.startsWith('|'));
    expect(tables.length).toBeGreaterThan(8);
    for (const table of tables) {
      const cells = table.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length);
      expect([table, new Set(cells).size]).toEqual([table, 1]);
    }
  });
});
