/** `pointguard migrate`: brings the record's schema up to date, as its owner. */
import type { Command } from 'commander';
import { loadSettings } from '../config/settings.js';
import { migrateRecord } from '../platform/postgres/record.js';

export function register(program: Command): void {
  program
    .command('migrate')
    .description('bring the record up to date, as MIGRATION_DATABASE_URL')
    .action(async () => {
      const applied = await migrateRecord(loadSettings(process.env));
      console.log(applied.length === 0 ? 'The record is up to date.' : `Applied ${applied.join(', ')}.`);
    });
}
