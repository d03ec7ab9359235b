import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const FAST_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** All metrics of one service. No label holds an id of a client's making: programs, routes and codes only. */
export interface Metrics {
  registry: Registry;
  httpSeconds: Histogram<'method' | 'route' | 'status'>;
  laneWaiting: Gauge<'program'>;
  laneBatchCommands: Histogram;
  laneLockSeconds: Histogram;
  laneBatchSeconds: Histogram;
  laneAheadSeconds: Gauge<'program'>;
  laneRetries: Counter<'cause'>;
  laneDropped: Counter<'cause'>;
  decisions: Counter<'program' | 'type' | 'outcome'>;
  decisionSeconds: Histogram;
  holdsEnded: Counter<'program'>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    httpSeconds: new Histogram({
      name: 'pointguard_http_request_duration_seconds',
      help: 'Time to answer a request',
      labelNames: ['method', 'route', 'status'],
      buckets: FAST_SECONDS,
      registers,
    }),
    laneWaiting: new Gauge({
      name: 'pointguard_lane_waiting_commands',
      help: 'Commands that wait for their program’s lane',
      labelNames: ['program'],
      registers,
    }),
    laneBatchCommands: new Histogram({
      name: 'pointguard_lane_batch_commands',
      help: 'Commands in one batch',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    }),
    laneLockSeconds: new Histogram({
      name: 'pointguard_lane_lock_wait_seconds',
      help: 'Time from the beginning of a batch to its lock and load',
      buckets: FAST_SECONDS,
      registers,
    }),
    laneBatchSeconds: new Histogram({
      name: 'pointguard_lane_batch_duration_seconds',
      help: 'Time of a whole batch, commit included',
      buckets: FAST_SECONDS,
      registers,
    }),
    laneAheadSeconds: new Gauge({
      name: 'pointguard_lane_clock_ahead_seconds',
      help: 'How far a program’s time stands ahead of the record’s clock, which was put back; alert above 5',
      labelNames: ['program'],
      registers,
    }),
    laneRetries: new Counter({
      name: 'pointguard_lane_retries_total',
      help: 'Batches tried again, by cause',
      labelNames: ['cause'],
      registers,
    }),
    laneDropped: new Counter({
      name: 'pointguard_lane_dropped_commands_total',
      help: 'Commands that got no answer, by cause',
      labelNames: ['cause'],
      registers,
    }),
    decisions: new Counter({
      name: 'pointguard_decisions_total',
      help: 'Decisions made',
      labelNames: ['program', 'type', 'outcome'],
      registers,
    }),
    decisionSeconds: new Histogram({
      name: 'pointguard_decision_duration_seconds',
      help: 'Time to decide, the record included',
      buckets: FAST_SECONDS,
      registers,
    }),
    holdsEnded: new Counter({
      name: 'pointguard_holds_expired_total',
      help: 'Holds that time gave back',
      labelNames: ['program'],
      registers,
    }),
  };
}
