/**
 * The two hours of sample traffic, as data. Transaction ids depend on nothing but the plan: played again in the same
 * program, every id is known and every answer stays what it was.
 */
import type { DecisionRequest } from '../replay/mapping.js';
import { INCIDENTS, type Incident, LIVE_INCIDENTS } from './incidents.js';
import { type Member, membersOf, visit } from './members.js';
import { type Random, seededRandom } from './random.js';

/** What the ledger does with a decision that holds. */
export type FollowUp = 'commit' | 'commit part' | 'cancel' | 'reverse' | 'nothing';

export interface Step {
  /** Seconds from the beginning of the plan. */
  atSeconds: number;
  request: DecisionRequest;
  followUp: FollowUp;
}

export const PLAN_SECONDS = 7200;
const SEED = 20_260_401;
const MEMBERS = 24;
const VISITS = 220;
/** The last minutes' decisions still wait for the ledger: they show as held. */
const STILL_HELD_SECONDS = 240;

/** The steps of the plan, in their order; the same on every machine. */
export function demoPlan(): Step[] {
  const random = seededRandom(SEED);
  const members = membersOf(1001, MEMBERS, random);
  const steps = [...visits(members, random), ...forgottenCheckouts(members), ...INCIDENTS.flatMap(stepsOf)];
  return steps.sort((a, b) => a.atSeconds - b.atSeconds);
}

function visits(members: readonly Member[], random: Random): Step[] {
  return Array.from({ length: VISITS }, (_, at) => {
    const atSeconds = Math.floor((PLAN_SECONDS * (at + random.next())) / VISITS);
    const request = visit(random.pick(members), `visit-${at + 1}`, random);
    return { atSeconds, request, followUp: whatFollows(request, atSeconds, random) };
  });
}

function whatFollows({ type }: DecisionRequest, atSeconds: number, random: Random): FollowUp {
  if (atSeconds > PLAN_SECONDS - STILL_HELD_SECONDS) return 'nothing';
  if (type === 'earn') return 'commit';
  return random.pick<FollowUp>(['commit', 'commit', 'commit', 'commit part', 'cancel', 'reverse']);
}

/** Checkouts that nobody finished: with `onHoldEnd: release` their points come back by themselves. */
const forgottenCheckouts = (members: readonly Member[]): Step[] =>
  members.slice(0, 5).map(({ accountId, deviceId, ip }, at) => ({
    atSeconds: 900 + at * 600,
    request: {
      transactionId: `forgotten-${at + 1}`,
      accountId,
      type: 'burn',
      points: 900,
      channel: 'app',
      device: { id: deviceId },
      ip,
      onHoldEnd: 'release',
    },
    followUp: 'nothing',
  }));

const stepsOf = (incident: Incident): Step[] =>
  Array.from({ length: incident.count }, (_, at) => ({
    atSeconds: incident.startSeconds + at * incident.everySeconds,
    request: incident.request(at, `${incident.name}-${at + 1}`),
    followUp: 'commit',
  }));

/** So many that none of them passes a limit by the pace of the demo alone. */
const LIVE_MEMBERS = 400;
/** One in three is an incident. */
const LIVE_INCIDENT_EVERY = 3;

/** The traffic that goes on while the demo serves, number by number from 0. `run` tells one start from another. */
export function liveTraffic(run: string): (number: number) => DecisionRequest {
  const random = seededRandom(SEED);
  const members = membersOf(6001, LIVE_MEMBERS, random);
  return (number) => {
    const transactionId = `live-${run}-${number}`;
    const turn = Math.floor(number / LIVE_INCIDENT_EVERY);
    const incident = LIVE_INCIDENTS[turn % LIVE_INCIDENTS.length];
    const isIncident = number % LIVE_INCIDENT_EVERY === LIVE_INCIDENT_EVERY - 1;
    return isIncident && incident
      ? incident.request(turn, transactionId)
      : visit(random.pick(members), transactionId, random);
  };
}
