/** What a target says when it answers, and how it ends: with the process that started it. */
export interface Ready {
  port: number;
  token: string;
}

export function tellReady(ready: Ready): void {
  process.on('disconnect', () => process.exit());
  process.send?.(ready);
}

/** What the target was started with. */
export const argument = (): unknown => JSON.parse(process.argv[2] ?? '{}');
