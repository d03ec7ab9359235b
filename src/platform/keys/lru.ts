export interface Lru<V> {
  get(key: string): V | undefined;
  /** Keeps a value and answers it; the one that was not asked for longest goes where there is no room. */
  put(key: string, value: V): V;
  delete(key: string): void;
}

/** At most `most` values, kept in the order in which they were last asked for. */
export function lru<V>(most: number): Lru<V> {
  const values = new Map<string, V>();
  return {
    get(key) {
      const value = values.get(key);
      if (value === undefined) return undefined;
      values.delete(key);
      values.set(key, value);
      return value;
    },
    put(key, value) {
      values.delete(key);
      values.set(key, value);
      if (values.size > most) values.delete(values.keys().next().value ?? key);
      return value;
    },
    delete: (key) => void values.delete(key),
  };
}
