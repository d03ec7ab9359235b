import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../src/policy/core/policy.schema.js';

const text = readFileSync(new URL('../../../policies/default.yaml', import.meta.url), 'utf8');

describe('the shipped policy', () => {
  const parsed = parsePolicy(text);
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  const { policy } = parsed;

  it('is accepted, and enforces', () => {
    expect(policy.mode).toBe('enforce');
    expect(policy.limits.length).toBeGreaterThan(20);
  });

  it('bounds the points and the number of movements of every type of transaction', () => {
    for (const type of ['earn', 'burn', 'transfer', 'adjust'] as const) {
      const metrics = policy.limits.filter(({ types }) => types.includes(type)).map(({ metric }) => metric);
      expect(metrics).toEqual(expect.arrayContaining(['count', 'points']));
    }
    const hard = policy.limits.filter(({ kind }) => kind === 'hard').flatMap(({ types }) => types);
    expect(hard).toEqual(expect.arrayContaining(['earn', 'burn', 'transfer', 'adjust', 'registration']));
  });

  it('closes no shared place to everyone', () => {
    const shared = new Set(['store', 'network', 'ip', 'partner', 'franchise', 'campaign', 'reward', 'program']);
    expect(policy.limits.filter(({ subject, kind }) => kind === 'hard' && shared.has(subject))).toEqual([]);
  });

  it('explains every limit in a comment above it, too', () => {
    const lines = text.split('\n');
    const bare = lines.filter((line, i) => line.startsWith('  - id:') && !lines[i - 1]?.startsWith('  # '));
    expect(bare).toEqual([]);
  });
});
