/** The options of `pointguard simulate`, read and checked. */
import { DEFAULTS, type SimulationOptions } from '../../simulator/core/simulation.js';
import { parseMix } from '../../simulator/core/mix.js';
import { ATTACK_KINDS } from '../../simulator/core/transaction.js';
import { PlainFailure } from '../plain-failure.js';

/** As they are given. */
export interface SimulateOptions {
  seed: string;
  size: string;
  days?: string;
  mimicry?: string;
  mix?: string;
}

const WHOLE = /^\d{1,15}$/;
const DECIMAL = /^\d{1,6}(?:\.\d{1,6})?$/;

/** Throws a `PlainFailure` that names the option which is wrong. */
export function simulationOptionsOf({ seed, size, days, mimicry, mix }: SimulateOptions): Required<SimulationOptions> {
  return {
    seed: numberIn('--seed', seed, WHOLE, 0, 1e15),
    size: numberIn('--size', size, WHOLE, 10, 100_000),
    days: days === undefined ? DEFAULTS.days : numberIn('--days', days, WHOLE, 1, 365),
    mimicry: mimicry === undefined ? DEFAULTS.mimicry : numberIn('--mimicry', mimicry, DECIMAL, 0, 1),
    mix: mixOf(mix),
  };
}

/** Transactions a second, or undefined for as fast as they are answered. */
export const paceOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : numberIn('--pace', text, DECIMAL, 0.01, 10_000);

function numberIn(option: string, text: string, pattern: RegExp, least: number, most: number): number {
  const value = pattern.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new PlainFailure(`${option} takes a ${pattern === WHOLE ? 'whole ' : ''}number from ${least} to ${most}.`);
}

function mixOf(text: string | undefined): Required<SimulationOptions>['mix'] {
  const mix = text === undefined ? DEFAULTS.mix : parseMix(text);
  if (mix) return mix;
  throw new PlainFailure(
    `--mix takes attack=share by comma, attacks for each 1,000 members, with the attacks ${ATTACK_KINDS.join(', ')}.`,
  );
}
