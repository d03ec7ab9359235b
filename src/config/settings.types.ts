import type { PlaintextName } from './settings.table.js';

/** The settings as the service uses them. */
export interface Settings {
  production: boolean;
  port: number;
  host: string;
  publicUrl: string;
  internalPort?: number;
  trustedProxies: readonly string[];
  databaseUrl?: string;
  migrationDatabaseUrl?: string;
  /** Absolute. */
  dataDir: string;
  keyDatabaseUrl?: string;
  /** 32 bytes. */
  masterKey?: Buffer;
  signalDeadlineMs: number;
  decisionDeadlineMs: number;
  /** Absolute. */
  policyFile: string;
  bootstrap: BootstrapSettings;
  logLevel: string;
  allowPlaintext: ReadonlySet<PlaintextName>;
}

/** What is made at start where it is missing; nothing without a program, no client without its id. */
export interface BootstrapSettings {
  program?: string;
  programMode: 'live' | 'test';
  clientId?: string;
  clientSecret?: string;
}
