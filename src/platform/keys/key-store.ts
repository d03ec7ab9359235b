/**
 * The key store: wrapped keys by name, apart from the record, so that they do not come back with it. A name is written
 * once and never changed: of two that create one key at once, one wins, and both go on with the winner's.
 */
export interface KeyStore {
  /** The wrapped key, or undefined where there is none of that name. */
  get(name: string): Promise<Buffer | undefined>;
  /** Keeps a wrapped key durably; answers what is kept now: ours, or the one that was there earlier. */
  create(name: string, wrapped: Uint8Array): Promise<Buffer>;
  /** All names with that prefix, sorted. */
  list(prefix: string): Promise<string[]>;
}

const NAME = /^[a-z][a-z0-9.-]{0,99}$/;

/** Names are file names too: no separator, no leading dot, one spelling. Throws a RangeError on any other. */
export function checkedKeyName(name: string): string {
  if (!NAME.test(name)) throw new RangeError('not a name of a key');
  return name;
}

/** The start ends with this sentence. It names files and settings, never a key. */
export class KeyStoreError extends Error {
  override readonly name = 'KeyStoreError';
}
