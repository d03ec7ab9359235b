/** `pointguard serve`: the same as `npm start`. */
import type { Command } from 'commander';
import { serve } from '../serve.js';

export function register(program: Command): void {
  program
    .command('serve')
    .description('serve until told to end')
    .action(() => serve());
}
