import { describe, expect, test } from 'vitest';
import { grants, SCOPES, unknownScopes } from '../../../src/access/core/scopes.js';

describe('scopes', () => {
  test('are exactly these', () => {
    const both = 'decisions links step-up accounts transactions labels lists events policy webhooks admin'.split(' ');
    const all = [...both, ...both.map((scope) => `${scope}:read`), 'links:url', 'cases:read', 'audit:read'];
    expect([...SCOPES.keys()].toSorted()).toEqual(all.toSorted());
  });

  test.each(['cases', 'audit', 'links:url:read', 'Decisions', '*', '', 'decisions:write', '__proto__', 'toString'])(
    '%j is none',
    (scope) => {
      expect(unknownScopes([scope, 'decisions', scope])).toEqual([scope]);
      expect(grants(new Set([scope]), scope)).toBe(false);
    },
  );

  test('a scope grants itself and its :read form, and nothing else', () => {
    const covered = (granted: string) => [...SCOPES.keys()].filter((wanted) => grants(new Set([granted]), wanted));
    expect(covered('decisions')).toEqual(['decisions', 'decisions:read']);
    expect(covered('links')).toEqual(['links', 'links:read']);
    expect(covered('links:url')).toEqual(['links:url']);
    expect(covered('decisions:read')).toEqual(['decisions:read']);
    expect(covered('admin')).toEqual(['admin', 'admin:read']);
    expect(covered('cases')).not.toContain('audit:read');
  });
});
