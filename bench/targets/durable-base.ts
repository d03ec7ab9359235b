/**
 * "durable base": the same bare service, which keeps each request in PostgreSQL and answers after the commit. What comes
 * while one INSERT is under way goes into the next: group commit without a timer.
 */
import { Client } from 'pg';
import { textArray } from '../../src/platform/postgres/binary-array.js';
import { type Request, serveBare } from './bare-fastify.js';
import { argument } from './ready.js';

const TABLE = `create table if not exists request (transaction_id text primary key, account_id text not null, payload text not null)`;
const INSERT = {
  name: 'request_insert',
  text: 'insert into request select * from unnest($1::text[], $2::text[], $3::text[]) on conflict do nothing',
};
const MOST_ROWS = 128;

const client = new Client({ connectionString: (argument() as { databaseUrl: string }).databaseUrl });
await client.connect();
await client.query(TABLE);

interface Waiting {
  request: Request;
  resolve(): void;
  reject(error: unknown): void;
}

const queue: Waiting[] = [];
let flushing = false;

async function flush(): Promise<void> {
  flushing = true;
  for (let batch = queue.splice(0, MOST_ROWS); batch.length > 0; batch = queue.splice(0, MOST_ROWS)) {
    const requests = batch.map(({ request }) => request);
    try {
      await client.query({
        ...INSERT,
        values: [
          textArray(requests.map(({ transactionId }) => transactionId)),
          textArray(requests.map(({ accountId }) => accountId)),
          textArray(requests.map((request) => JSON.stringify(request))),
        ],
      });
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
  flushing = false;
}

await serveBare(async (request) => {
  await new Promise<void>((resolve, reject) => {
    queue.push({ request, resolve, reject });
    if (!flushing) setImmediate(() => void flush());
    flushing = true;
  });
  return { transactionId: request.transactionId, outcome: 'allow' };
});
