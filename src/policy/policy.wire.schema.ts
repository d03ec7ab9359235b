/** Wire schemas of policies (OpenAPI is made from them). */
import { z } from 'zod';
import { ServiceError } from '../kernel/errors.js';
import { time } from '../platform/http/wire.schema.js';
import type { PolicyVersionRow } from './policy.store.js';

const activation = {
  activatedAt: time().optional().describe('When it last came into force'),
  activatedBy: z.string().optional().describe('Who activated it; the first version came with its program'),
};

export const policyVersion = z
  .object({
    version: z.int(),
    state: z.enum(['draft', 'active', 'retired']),
    createdAt: time(),
    ...activation,
  })
  .meta({ id: 'PolicyVersion' });

export const policyAnswer = z
  .object({
    active: z.object({ version: z.int(), ...activation }),
    document: z.string().describe('The active document as it was given, YAML or JSON'),
    versions: z.array(policyVersion).describe('Newest first: the active one, and the newest of the others'),
  })
  .meta({ id: 'Policy' });

export const draftAnswer = z.object({ version: z.int(), state: z.literal('draft') }).meta({ id: 'PolicyDraft' });

/** A document as an object, or its text; docs/policy.md says what may stand in it. */
export const draftRequest = z
  .union([z.strictObject({ document: z.string() }), z.record(z.string(), z.unknown())])
  .meta({
    id: 'PolicyDocument',
    examples: [
      {
        version: 1,
        rules: [
          {
            id: 'fresh-credentials',
            when: 'type == "burn" && account.credentialsAgeHours < 24 && points > 5000',
            outcome: 'challenge',
            reason: 'Large redemption soon after the password changed',
          },
        ],
      },
      { document: 'version: 1\nmode: observe\n' },
    ],
  });

/**
 * The text of a document in a request: YAML as it was sent, or what stands in `{document}`; an object is written out with
 * two spaces a level, which lines and columns of problems then refer to.
 */
export function documentText(body: unknown): string {
  if (body === undefined) throw new ServiceError('request.malformed', 'A policy document is needed.');
  if (typeof body === 'string') return body;
  const { document } = (body ?? {}) as { document?: unknown };
  const wrapped = typeof document === 'string' && Object.keys(body as object).length === 1;
  return wrapped ? document : JSON.stringify(body, null, 2);
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

const activationOf = ({ activatedAtMs, activatedBy }: PolicyVersionRow) => ({
  ...(activatedAtMs !== undefined && { activatedAt: isoTime(activatedAtMs) }),
  ...(activatedBy !== undefined && { activatedBy }),
});

export const renderVersion = (row: PolicyVersionRow): z.output<typeof policyVersion> => ({
  version: row.version,
  state: row.state,
  createdAt: isoTime(row.createdAtMs),
  ...activationOf(row),
});

export const renderPolicy = (
  active: PolicyVersionRow,
  document: string,
  versions: readonly PolicyVersionRow[],
): z.output<typeof policyAnswer> => ({
  active: { version: active.version, ...activationOf(active) },
  document,
  versions: versions.map(renderVersion),
});
