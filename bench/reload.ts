/**
 * From saving mesh.yaml to every sidecar acked, and whether anything fails meanwhile, on the real engine.
 *
 *   node bench/reload.ts [--reloads 60] [--seconds 120] [--write]
 *
 * Brings a private copy of the bookshop up, edits the split of reviews at even steps while requests run, and takes it down again.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connectApi } from '../src/api/client.ts';
import { socketPath, stateFolder } from '../src/api/socket-path.ts';
import type { MeshEvent } from '../src/api/types.ts';
import { holdOffMs } from '../src/config/watch.ts';
import { Bookshop } from '../test/support/bookshop.ts';
import { SteadyLoad } from '../test/support/steady-load.ts';
import { median, percentile } from './median.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    reloads: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '120' },
    write: { type: 'boolean', default: false },
  },
});
const reloads = Number(values.reloads);
const everyMs = (Number(values.seconds) * 1000) / reloads;

await using shop = await Bookshop.create('bench-reload');
const up = await shop.mesh('up', '-d', '--wait');
if (up.code !== 0) throw new Error(up.stderr);
const api = connectApi(socketPath(stateFolder(shop.dir, shop.project), process.env));
const sidecars = (await shop.status()).workloads.length;

let onReload: (event: MeshEvent) => void = () => {};
const following = new AbortController();
const follow = (async () => {
  for await (const event of api.events('run', following.signal)) if (event.kind === 'reload') onReload(event);
})().catch((error: unknown) => {
  if (!following.signal.aborted) throw error;
});

const load = new SteadyLoad(8, async () => {
  const book = await shop.book();
  return book.details.error ?? book.reviews.error ?? null;
});
const took: number[] = [];
for (let round = 0; round < reloads; round++) {
  const next = new Promise<void>(resolve => {
    onReload = () => resolve();
  });
  const v1 = round % 2 === 0 ? 50 : 90;
  const step = performance.now();
  const savedAt = performance.now();
  await shop.edit(text => text.replace(/split: \{v1: \d+, v3: \d+\}/, `split: {v1: ${v1}, v3: ${100 - v1}}`));
  await next;
  took.push(performance.now() - savedAt - holdOffMs);
  await new Promise(resolve => setTimeout(resolve, Math.max(0, everyMs - (performance.now() - step))));
}
await load.stop();
following.abort();
await follow;

const heading = ['reload', 'p50 ms', 'p99 ms', 'requests meanwhile', 'failed'];
const row = [
  `${reloads} edits, ${sidecars} sidecars`,
  median(took).toFixed(0),
  percentile(took, 0.99).toFixed(0),
  String(load.answers),
  String(load.failures.length),
];
const note = `From saving mesh.yaml to the last ack, beyond the watcher's hold-off of ${holdOffMs} ms; 8 requests at a time through the gateway for ${values.seconds} s. Run: \`node bench/reload.ts --write\`.`;
for (const line of [heading, row]) process.stdout.write(`${line.join('\t')}\n`);
if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'reload', heading, [row], note);
for (const failure of new Set(load.failures)) process.stderr.write(`failed: ${failure}\n`);
process.exitCode = load.failures.length === 0 ? 0 : 1;
