export interface Lru<V> {
  get(key: string): V | undefined;
  /** Keeps a value and answers it; those that were not asked for longest go where there is no room. */
  put(key: string, value: V): V;
  delete(key: string): void;
}

/**
 * At most `most` values, in two generations: when the younger is full it becomes the older, and what was not asked for in
 * the meantime is gone. A look-up of what is in use moves nothing, where an exact order would cost more than the hash it saves.
 */
export function lru<V>(most: number): Lru<V> {
  const half = Math.max(1, Math.floor(most / 2));
  let young = new Map<string, V>();
  let old = new Map<string, V>();
  function put(key: string, value: V): V {
    if (young.size >= half && !young.has(key)) {
      old = young;
      young = new Map();
    }
    young.set(key, value);
    return value;
  }
  return {
    get(key) {
      const value = young.get(key);
      if (value !== undefined) return value;
      const older = old.get(key);
      return older === undefined ? undefined : put(key, older);
    },
    put,
    delete(key) {
      young.delete(key);
      old.delete(key);
    },
  };
}
