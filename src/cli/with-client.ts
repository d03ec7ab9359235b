/** Where a command finds the service that it speaks to: at an address that it is given, else in this process. */
import {
  type ApiClient,
  createApiClient,
  type EmbeddedService,
  type EmbeddedServices,
  type ServiceAddress,
} from './api-client.js';
import { PlainFailure } from './plain-failure.js';

export interface ServiceOptions {
  url?: string;
  clientId?: string;
  clientSecret?: string;
}

/** The address in the options, or undefined where a service is to be embedded. Throws a `PlainFailure` on half of one. */
export function addressOf({ url, clientId, clientSecret }: ServiceOptions): ServiceAddress | undefined {
  if (url === undefined && clientId === undefined && clientSecret === undefined) return undefined;
  if (url === undefined || clientId === undefined || clientSecret === undefined) {
    throw new PlainFailure(
      '--url, --client-id and --client-secret go together; without all three a service is embedded.',
    );
  }
  return { url, clientId, clientSecret };
}

/** Does the work with a signed-in client, and ends what was started for it. */
export async function withClient(
  address: ServiceAddress | undefined,
  context: EmbeddedServices,
  work: (client: ApiClient) => Promise<void>,
): Promise<void> {
  let embedded: EmbeddedService | undefined;
  try {
    embedded = address ? undefined : await context.serveEmbedded();
    const client = createApiClient(address ?? (embedded as EmbeddedService));
    try {
      await client.signIn();
      await work(client);
    } finally {
      client.close();
    }
  } finally {
    await embedded?.stop();
  }
}
