import type { Actor } from '../audit/core/chain.js';
import { type Refusal, ServiceError, unwrap } from '../kernel/errors.js';
import { type LaneCommand, type Lanes, SYSTEM_PROGRAM_ID } from '../platform/lane/lane.types.js';
import {
  createClientCommand,
  createProgramCommand,
  type ProgramInput,
  revokeClientCommand,
} from './access.commands.js';
import type { AccessStore } from './access.store.js';
import { type AccessTokens, TOKEN_LIFETIME_SECONDS, type TokenClaims } from './access-tokens.js';
import type { ClientDirectory, ClientSnapshot } from './client-directory.js';
import type { ClientIdentity, ClientRow, ProgramRow } from './core/identity.js';
import { CLIENT_ID, CLIENT_SECRET, PROGRAM_NAME } from './core/names.js';
import { grants, SCOPES, unknownScopes } from './core/scopes.js';
import { isTokenRefusal, refusal, type TokenRefusal, type TokenRequest } from './core/token-request.js';
import { newSecret, type SecretHashing } from './secret-hash.js';

export interface AccessParts {
  store: AccessStore;
  lanes: Lanes;
  directory: ClientDirectory;
  tokens: AccessTokens;
  hashing: SecretHashing;
  /** The real clock: tokens live by it, whatever a test program's clock says. */
  nowMs: () => number;
}

export interface NewClientRequest {
  programName: string;
  scopes: readonly string[];
  clientId: string;
  /** Made where it is not given. */
  secret?: string;
}

/** RFC 6749 §5.1. */
export interface IssuedToken {
  access_token: string;
  token_type: 'Bearer';
  expires_in: number;
  scope: string;
}

/** A verified token; who it stands for is derived once for each snapshot of the clients. */
interface VerifiedToken {
  claims: TokenClaims;
  judged?: { snapshot: ClientSnapshot; identity: ClientIdentity | undefined };
}

/** Each holds some 2 KiB; more clients than this with a token at once only verify more often. */
const MOST_TOKENS = 10_000;
const BEARER = /^bearer +([^\s]+)$/i;

const noToken = () => new ServiceError('auth.token', 'A valid access token is needed.');

/** Programs, API clients, their tokens, and who a request comes from. */
export class AccessService {
  private readonly verified = new Map<string, VerifiedToken>();

  constructor(private readonly parts: AccessParts) {}

  /**
   * Makes a program with its lane and the first version of its policy, which the caller has checked.
   * @throws ServiceError `request.invalid` with a sentence
   */
  async createProgram(input: ProgramInput, actor: Actor): Promise<{ programId: number }> {
    if (!PROGRAM_NAME.test(input.name)) {
      throw invalid('A program name has lower-case letters, digits and hyphens, at most 63.');
    }
    return this.submit(createProgramCommand(input, actor));
  }

  listPrograms(): Promise<ProgramRow[]> {
    return this.parts.store.programs();
  }

  /**
   * Makes a client and answers its secret, which is kept nowhere else.
   * @throws ServiceError `request.invalid` with a sentence
   */
  async createClient(request: NewClientRequest, actor: Actor): Promise<{ clientId: string; secret: string }> {
    const { programName, clientId, secret = newSecret() } = request;
    const scopes = checkedScopes(request.scopes);
    if (!CLIENT_ID.test(clientId)) throw invalid('A client id has letters, digits and . _ ~ -, at most 128.');
    if (!CLIENT_SECRET.test(secret))
      throw invalid('A secret has at most 256 printable ASCII characters, without space and %.');
    const secretHash = await this.parts.hashing.hash(secret);
    await this.submit(createClientCommand({ programName, clientId, scopes, secretHash }, actor));
    return { clientId, secret };
  }

  /** Clients with the revoked ones, of one program or of all; no secret and no hash is in it. */
  listClients(programName?: string): Promise<ClientRow[]> {
    return this.parts.store.clients(programName);
  }

  /** From then on, within a second, none of its tokens is good in any instance. */
  async revokeClient(clientId: string, actor: Actor): Promise<void> {
    await this.submit(revokeClientCommand(clientId, actor));
  }

  /**
   * Answers a token, or why not (RFC 6749 §5.2). An unknown, a revoked client and a wrong secret are one answer, after
   * the same work.
   * @throws ServiceError `service.overloaded`, `record.unavailable`
   */
  async issueToken({ clientId, secret, scopes }: TokenRequest): Promise<IssuedToken | TokenRefusal> {
    const client = CLIENT_ID.test(clientId) ? await this.parts.store.credentials(clientId) : undefined;
    const right = await this.parts.hashing.verify(client?.secretHash, secret.length <= 256 ? secret : '');
    if (!client || !right || client.revokedAtMs !== undefined) {
      return refusal('invalid_client', 'The client is not authenticated.');
    }
    const granted = grantedScopes(new Set(client.scopes), scopes);
    if (isTokenRefusal(granted)) return granted;
    const claims = { clientId, programName: client.program.name, scopes: granted };
    return {
      access_token: this.parts.tokens.sign(claims, this.parts.nowMs()),
      token_type: 'Bearer',
      expires_in: TOKEN_LIFETIME_SECONDS,
      scope: [...granted].join(' '),
    };
  }

  /**
   * Who a request comes from, by its Authorization header; at once where the token was seen before and the clients are
   * young enough, else after a look at the record.
   * @throws ServiceError `auth.token`, one answer for everything that is wrong; `record.unavailable`
   */
  authenticate(authorization: string | undefined): ClientIdentity | Promise<ClientIdentity> {
    const token = this.verifiedToken(authorization);
    const snapshot = this.parts.directory.current();
    const identity = snapshot && identityIn(snapshot, token);
    // a good token of a client that the snapshot lacks: it was made since
    if (!identity && !snapshot?.clients.has(token.claims.clientId)) return this.authenticateAnew(token);
    if (!identity) throw noToken();
    return identity;
  }

  private async authenticateAnew(token: VerifiedToken): Promise<ClientIdentity> {
    const { directory } = this.parts;
    const known = (snapshot: ClientSnapshot) => snapshot.clients.has(token.claims.clientId);
    let snapshot = directory.current() ?? (await directory.refreshed());
    if (!known(snapshot)) snapshot = await directory.refreshed(true);
    const identity = identityIn(snapshot, token);
    if (!identity) throw noToken();
    return identity;
  }

  private verifiedToken(authorization: string | undefined): VerifiedToken {
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) throw noToken();
    const nowMs = this.parts.nowMs();
    const seen = this.verified.get(token);
    if (seen && seen.claims.expiresMs > nowMs) return seen;
    this.verified.delete(token);
    const claims = this.parts.tokens.verify(token, nowMs);
    if (!claims) throw noToken();
    return this.remember(token, { claims });
  }

  private remember(token: string, verified: VerifiedToken): VerifiedToken {
    // the oldest goes: it is the first to expire
    const [oldest] = this.verified.keys();
    if (this.verified.size >= MOST_TOKENS && oldest !== undefined) this.verified.delete(oldest);
    this.verified.set(token, verified);
    return verified;
  }

  /** Ends the poll of the clients. */
  stop(): void {
    this.parts.directory.stop();
  }

  private async submit<A>(command: LaneCommand<A | Refusal>): Promise<A> {
    return unwrap(await this.parts.lanes.submit(SYSTEM_PROGRAM_ID, command));
  }
}

const invalid = (sentence: string) => new ServiceError('request.invalid', sentence);

function checkedScopes(scopes: readonly string[]): string[] {
  const [unknown] = unknownScopes(scopes);
  if (unknown !== undefined) {
    throw invalid(`There is no scope ${JSON.stringify(unknown)}; there are ${[...SCOPES.keys()].join(' ')}.`);
  }
  if (scopes.length === 0) throw invalid('A client needs at least one scope.');
  return [...new Set(scopes)];
}

function grantedScopes(
  has: ReadonlySet<string>,
  asked: readonly string[] | undefined,
): ReadonlySet<string> | TokenRefusal {
  if (asked === undefined) return has;
  return asked.length > 0 && asked.every((scope) => grants(has, scope))
    ? new Set(asked)
    : refusal('invalid_scope', 'The client does not have every scope that it asks for.');
}

function identityIn(snapshot: ClientSnapshot, token: VerifiedToken): ClientIdentity | undefined {
  if (token.judged?.snapshot !== snapshot) token.judged = { snapshot, identity: judge(snapshot, token.claims) };
  return token.judged.identity;
}

/** What a token says holds as far as the record still says so. */
function judge(snapshot: ClientSnapshot, { clientId, programName, scopes }: TokenClaims): ClientIdentity | undefined {
  const client = snapshot.clients.get(clientId);
  if (!client || client.revokedAtMs !== undefined || client.program.name !== programName) return undefined;
  const has = new Set(client.scopes);
  return { clientId, program: client.program, scopes: new Set([...scopes].filter((scope) => grants(has, scope))) };
}
