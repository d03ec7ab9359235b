import { defineConfig } from 'vitest/config';

const project = (name: string, more: object = {}) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.spec.ts`], ...more },
});

export default defineConfig({
  test: {
    // With isolation every file would boot Nest anew: minutes instead of seconds.
    isolate: false,
    pool: 'forks',
    projects: [
      project('unit'),
      project('contract', { testTimeout: 60_000, hookTimeout: 60_000 }),
      project('e2e', { testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false }),
      project('faults', { testTimeout: 240_000, hookTimeout: 120_000, fileParallelism: false }),
    ],
  },
});
