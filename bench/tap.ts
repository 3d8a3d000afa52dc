/**
 * What a tap costs the sidecar that it watches: CPU per request with nobody watching, with a watcher whom nothing fits, and with one who wants everything.
 *
 *   node bench/tap.ts [--rounds 5] [--seconds 2] [--write]
 *
 * One data plane in this process between `wrk` and a Node server in another one, as fast as they go; rounds are interleaved. Needs `wrk`.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { TapOrder } from '../src/snapshot/tap.ts';
import { inboundSnapshot, startPlane } from '../test/proxy/data-plane-harness.ts';
import { median } from './median.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    write: { type: 'boolean', default: false },
  },
});
execFileSync('sh', ['-c', 'command -v wrk']);
const server =
  'require("http").createServer((q,a)=>a.end("x".repeat(1024))).listen(0,"127.0.0.1",function(){console.log(this.address().port)})';
const app = spawn(process.execPath, ['-e', server], { stdio: ['ignore', 'pipe', 'inherit'] });
const [first] = (await once(app.stdout, 'data')) as [Buffer];
const plane = await startPlane('inbound', inboundSnapshot(Number(first)), { localPort: Number(first) });

const all: TapOrder = {
  id: 1,
  at: 'destination',
  from: '',
  to: '',
  path: '',
  method: '',
  statuses: [],
  headers: [],
  bodyBytes: 0,
};
const cases: Readonly<Record<string, readonly TapOrder[]>> = {
  'nobody watches': [],
  'a watcher of another path': [{ ...all, path: '/other' }],
  'a watcher of errors': [{ ...all, statuses: [[500, 599]] }],
  'a watcher of everything': [all],
};
let told = 0;
let shed = 0;
const costs = new Map<string, number[]>();
const rates = new Map<string, number[]>();

async function round(name: string, orders: readonly TapOrder[]): Promise<void> {
  plane.plane.tap(orders, ({ events, dropped }) => {
    told += events.length;
    for (const { count } of dropped) shed += count;
    return true;
  });
  const before = process.cpuUsage();
  const { stdout } = await promisify(execFile)('wrk', [
    '-t1',
    '-c32',
    `-d${values.seconds}s`,
    `http://127.0.0.1:${plane.port}/path?a=b`,
  ]);
  const { user, system } = process.cpuUsage(before);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  costs.set(name, [...(costs.get(name) ?? []), (user + system) / requests]);
  rates.set(name, [...(rates.get(name) ?? []), requests / Number(values.seconds)]);
}

await round('warm', []);
for (let i = 0; i < Number(values.rounds); i++) for (const [name, orders] of Object.entries(cases)) await round(name, orders);
plane.plane.tap([], () => true);
const base = median(costs.get('nobody watches') ?? []);
const rows = Object.keys(cases).map(name => {
  const cost = median(costs.get(name) ?? []);
  return [name, cost.toFixed(1), (cost / base).toFixed(2), Math.round(median(rates.get(name) ?? [])).toString()];
});
const heading = ['tap', 'CPU µs per request', '× nobody', 'requests/s'];
const note = `One sidecar hop without TLS, 32 connections, 1 KiB answers; ${values.rounds} interleaved rounds of ${values.seconds} s, medians; Node ${process.version}. ${told} requests were told, ${shed} shed and counted. Run: \`node bench/tap.ts --write\`.`;
for (const row of [heading, ...rows, [note]]) process.stdout.write(`${row.join('\t')}\n`);
if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'tap', heading, rows, note);
await plane[Symbol.asyncDispose]();
app.kill();
