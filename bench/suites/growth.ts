/** G8 and G9: what an account costs in the record, and what a million of them cost a decision. */
import { cpu, GATES, judgeRatio, judgeValue } from '../harness/gates.js';
import type { BenchDatabase, BenchPostgres } from '../harness/postgres.js';
import { end } from '../harness/processes.js';
import { httpContender, playRounds } from '../harness/rounds.js';
import { startOurselves } from '../targets/ourselves.js';
import { openPopulation } from '../targets/population.js';
import type { Suite } from './suite.js';

const STORES = 200;
const FEW = { name: 'a thousand accounts', accounts: 1000 };
const MANY = { name: 'a million accounts', accounts: 1_000_000 };

async function startWith(postgres: BenchPostgres, accounts: number) {
  const database = await postgres.record();
  const part = await startOurselves({ database });
  const population = await openPopulation(database);
  await population.load(accounts);
  return { database, part, population };
}

/** Table and index, all overhead and the room for updates in place, by row. */
async function bytesARow({ query }: BenchDatabase): Promise<{ bytes: number; rows: number }> {
  const [found] = await query<{ bytes: string; rows: string }>(
    `select pg_total_relation_size('pointguard.subject') as bytes, (select count(*) from pointguard.subject) as rows`,
  );
  const rows = Number(found?.rows);
  return { bytes: Number(found?.bytes) / rows, rows };
}

export const growthSuite: Suite = {
  title: 'A thousand accounts and a million (G8, G9)',
  async run({ postgres, generator, plan }) {
    const few = await startWith(postgres, FEW.accounts);
    const many = await startWith(postgres, MANY.accounts);
    const { bytes, rows } = await bytesARow(many.database);
    for (const { database } of [few, many]) await database.query('vacuum analyze pointguard.subject');
    await postgres.admin('checkpoint');
    const contender = ({ part }: typeof few, { name, accounts }: typeof FEW, prepare?: () => Promise<void>) =>
      httpContender(generator, {
        name,
        processes: { node: [part.pid], pg: [postgres.pid] },
        targets: [{ ...part.ready, path: '/v1/decisions', population: { accounts, stores: STORES } }],
        prepare,
      });
    const slots = await playRounds(
      [
        // else the rows of a thousand accounts grow from round to round, and those of a million do not
        contender(few, FEW, () => few.population.load(FEW.accounts)),
        contender(many, MANY),
      ],
      plan,
    );
    for (const { part, population } of [few, many]) {
      await population.close();
      await end(part.child);
    }
    return {
      judgements: [
        judgeValue(GATES.G8, bytes),
        judgeRatio(GATES.G9, slots, { ours: MANY.name, yardstick: FEW.name }, cpu),
      ],
      tables: [{ title: '64 connections, closed loop', slots }],
      notes: [
        `Loaded before: ${rows.toLocaleString('en-US')} rows of subjects, five movements each. An account's row serves all windows over it; so does that of each device, address and instrument.`,
      ],
    };
  },
};
