/** The record cannot be used. The message is one plain sentence for whoever starts the service; it holds no secret. */
export class RecordError extends Error {
  constructor(sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = 'RecordError';
  }
}

/** The code of a system, PostgreSQL or SQLite error (`ENOENT`, `55P03`), or undefined where it has none. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
