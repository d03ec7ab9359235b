/** What the composition root gives to modules by Nest's injection. */

/** `pg.Pool` of the record, as the service's role. */
export const RECORD = Symbol('record');
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
