/** `npm run pointguard -- <command>`: the command line. One file a command. */
import 'reflect-metadata';
import { Command } from 'commander';
import { sentenceOf } from '../serve.js';
import * as clients from './clients.command.js';
import { cliContext } from './cli-context.js';
import * as demo from './demo.command.js';
import * as migrate from './migrate.command.js';
import * as policy from './policy.command.js';
import * as programs from './programs.command.js';
import * as replayApi from './replay-api.command.js';
import * as reviews from './reviews.command.js';
import * as serve from './serve.command.js';
import * as simulate from './simulate.command.js';

const program = new Command('pointguard').description('Fraud decisions in front of a loyalty points ledger.');
const context = cliContext();
for (const command of [serve, demo, migrate, programs, clients, policy, reviews, replayApi, simulate])
  command.register(program, context);

try {
  await program.parseAsync();
} catch (error) {
  console.error(sentenceOf(error));
  process.exitCode = 1;
}
