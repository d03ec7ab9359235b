/** What the composition root gives to modules by Nest's injection. */

/** `pg.Pool` of the record, as the service's role: for what callers read. */
export const RECORD = Symbol('record');
/** `pg.Pool` of the record for what the service itself lives by; no work of a caller's choosing may go there. */
export const OWN_RECORD = Symbol('own-record');
/** `Lanes`: the way of every change. */
export const LANES = Symbol('lanes');
/** `KeyRing`. */
export const KEY_RING = Symbol('key-ring');
/** `Settings`. */
export const SETTINGS_TOKEN = Symbol('settings');
/** `Metrics`. */
export const METRICS = Symbol('metrics');
/** `Logger` of pino. */
export const LOGGER = Symbol('logger');
