/**
 * Drains a backlog of jobs that do nothing: `node drain.mjs JOBS KEYS CONCURRENCY`, with DATABASE_URL. Prints one JSON object:
 * the seconds from the start of the worker until no job is left, and how many were done.
 */

import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';

const [jobs, keys, concurrency] = process.argv.slice(2).map(Number);
// Beside the one in Rust, whose tables have the same names.
const schema = 'graphile_node';
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 25 });
pool.on('error', (error) => console.error(error.message));
// A line for each job would be most of the work.
const logger = new Logger(() => () => {});
const utils = await makeWorkerUtils({ pgPool: pool, schema, logger });
await utils.migrate();
await pool.query(`truncate ${schema}._private_jobs, ${schema}._private_job_queues cascade`);
for (let begun = 0; begun < jobs; begun += 2_000) {
  const part = Array.from({ length: Math.min(2_000, jobs - begun) }, (_, i) => ({
    identifier: 'noop',
    payload: {},
    ...(keys > 0 ? { queueName: `key-${(begun + i) % keys}` } : {}),
  }));
  await utils.addJobs(part);
}
await pool.query(`vacuum analyze ${schema}._private_jobs`);
await pool.query('checkpoint');

let done = 0;
const began = performance.now();
const runner = await run({
  pgPool: pool,
  schema,
  logger,
  concurrency,
  noHandleSignals: true,
  taskList: { noop: () => void done++ },
  preset: {
    worker: {
      // As its authors advise for many short jobs; with named queues it would hold jobs of which one at a time may run.
      ...(keys > 0 ? {} : { localQueue: { size: 500 } }),
      completeJobBatchDelay: 5,
      failJobBatchDelay: 5,
      maxPoolSize: 25,
    },
  },
});
while ((await pool.query(`select exists (select from ${schema}._private_jobs)`)).rows[0].exists) {
  if (performance.now() - began > 180_000) throw new Error(`${done} of ${jobs} were done in 3 minutes`);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
const seconds = (performance.now() - began) / 1_000;
await runner.stop();
await utils.release();
await pool.end();
console.log(JSON.stringify({ seconds, done }));
