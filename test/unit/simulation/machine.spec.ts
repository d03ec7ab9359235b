/**
 * The decision machine under random calls over virtual time, against a naive model, invariants after each step.
 * `SEEDS=1000` runs more, `SEED=17` one, `STEPS=500` longer.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from './run.js';
import { openWorld, type World } from './world.js';

const { SEED, SEEDS = '24', STEPS = '120' } = process.env;
const seeds = SEED === undefined ? Array.from({ length: Number(SEEDS) }, (_, n) => n + 1) : [Number(SEED)];

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 60_000);
afterAll(() => world.close());

describe('the machine is its model', () => {
  it.concurrent.each(seeds)('seed %d', { timeout: 120_000 }, async (seed) => {
    await expect(run(world, seed, Number(STEPS))).resolves.toBeUndefined();
  });
});
