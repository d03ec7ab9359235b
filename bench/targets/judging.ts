/** Ten windows of one account, as the lane judges them: the row is unpacked, judged, entered in and packed again. */
import { parsePolicy } from '../../src/policy/core/policy.schema.js';
import { enter, judge, type Movement, plan } from '../../src/velocity/core/limits.js';
import { emptyDistinct } from '../../src/velocity/core/distinct.js';
import { emptyWindow, packWindow, unpackWindow, type WindowState } from '../../src/velocity/core/window.js';
import { serveLoop } from './looping.js';
import { policyOf } from './windows.js';

const ACCOUNTS = 10_000;
/** Rows start anew after so many entries, so that they stay those of an ordinary account. */
const MOST_ENTRIES = 10;

const parsed = parsePolicy(JSON.stringify(policyOf(['account'])));
if ('problems' in parsed) throw new Error(`the policy does not hold: ${JSON.stringify(parsed.problems)}`);
const { limits } = parsed.policy;
const rows = new Map<string, Buffer>();
let turn = 0;

serveLoop(1, () => {
  const account = ++turn % ACCOUNTS;
  const movement: Movement = { type: 'burn', points: 100, names: { account: account.toString(16).padStart(32, '0') } };
  const nowMs = Date.now();
  const { enters } = plan(limits, movement);
  const states = new Map<string, WindowState>();
  const state = (key: string): WindowState => {
    let found = states.get(key);
    if (!found) {
      const packed = rows.get(key);
      found = packed ? unpackWindow(packed) : emptyWindow();
      if (found.log.length >= MOST_ENTRIES) found = emptyWindow();
      states.set(key, found);
    }
    return found;
  };
  const loaded = { window: state, distinct: () => emptyDistinct() };
  const readings = judge(limits, movement, loaded, nowMs);
  if (readings.length !== limits.length || readings.some(({ breached }) => breached)) throw new Error('not judged');
  enter(enters, movement, loaded, { atMs: nowMs, seq: turn });
  for (const [key, entered] of states) rows.set(key, packWindow(entered, nowMs));
});
