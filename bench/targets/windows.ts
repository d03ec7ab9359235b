/** The ten windows that every contender keeps, from a minute to ninety days; caps that nobody reaches. */
export const WINDOWS = ['PT1M', 'PT10M', 'PT1H', 'PT6H', 'P1D', 'P3D', 'P7D', 'P14D', 'P30D', 'P90D'] as const;
export const WINDOW_SECONDS = [
  60, 600, 3600, 21_600, 86_400, 259_200, 604_800, 1_209_600, 2_592_000, 7_776_000,
] as const;
export const CAP = 1_000_000_000;

const SUBJECTS = ['account', 'device', 'ip', 'store', 'instrument'] as const;

/** Ten limits on each subject, by turns on count and on points. */
export const policyOf = (subjects: readonly string[] = SUBJECTS): object => ({
  version: 1,
  maxOpenHolds: 1_000_000,
  limits: subjects.flatMap((subject) =>
    WINDOWS.map((window, index) => ({
      id: `${subject}-${window.toLowerCase()}`,
      subject,
      types: ['burn'],
      metric: index % 2 === 0 ? 'count' : 'points',
      window,
      cap: CAP,
      kind: 'hard',
      reason: `${window} of a ${subject}`,
    })),
  ),
});
