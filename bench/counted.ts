/**
 * Whether anything is lost: so many requests through the two-hop mTLS chain, as the load, the app, the metrics of both sidecars, their access logs, their
 * spans, the signals and the daemon's history count them.
 *
 *   node bench/counted.ts [--requests 100000] [--write]
 *
 * Needs h2load and taskset. Load, app and control plane run on core 0, the sidecars on core 1. Ends with 1 where two of them differ.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { systemClock } from '../src/async/clock.ts';
import { Statistics } from '../src/daemon/observe/statistics.ts';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { listening, spawnOn } from './chain/spawned.ts';
import { loadCore, proxyCore } from './chain/suites.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '100000' }, write: { type: 'boolean', default: false } },
});
const requests = Number(values.requests);
const ports = { front: 29800, back: 29801, backend: 29799 };
const dir = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
const logFile = join(dir, 'access.log');
execFileSync('taskset', ['-cp', String(loadCore), String(process.pid)]);

const statistics = new Statistics({
  clock: systemClock,
  stateDir: join(dir, 'state'),
  emit: () => {},
  control: { status: () => new Map(), snapshots: () => [] },
  names: () => ({ services: [], gateways: [], external: [] }),
});
const told = { source: 0, destination: 0 };
const spans = { client: 0, server: 0 };
let dropped = 0;

const program = join(import.meta.dirname, 'chain', 'counting-backend.ts');
const app = spawnOn(loadCore, process.execPath, [program, `127.0.0.1:${ports.backend}`, `${appAddress}:${ports.back}`]);
await listening(ports.backend);
const chain = await localmeshChain(dir, proxyCore, ports, {
  recorded: {
    tracing: true,
    accessLog: 'text',
    accessLogTo: logFile,
    observation: { signals: true, spans: true },
    onObserved: (from, message) => {
      if (message.kind === 'spans') {
        dropped += message.dropped;
        for (const { side } of message.spans) spans[side]++;
      } else if (message.kind === 'signals') {
        statistics.take(from, message.edges);
        for (const { reporter, requests } of message.edges) told[reporter] += requests;
      }
    },
  },
});

/** Of all series of a counter with this reporter, in all sidecars. */
async function counted(name: string, reporter: string): Promise<number> {
  let sum = 0;
  for (const { workload } of chain.control.status())
    for (const line of String(await chain.control.sidecars.query(workload, 'stats')).split('\n'))
      if (line.startsWith(`${name}{`) && line.includes(`reporter="${reporter}"`))
        sum += Number(line.slice(line.lastIndexOf(' ')));
  return sum;
}

const names = {
  app: 'the app',
  source: 'istio_requests_total, reporter="source"',
  destination: 'istio_requests_total, reporter="destination"',
  durations: 'istio_request_duration_milliseconds_count, both reporters',
  signals: 'signals, both reporters',
  history: 'the daemon’s history',
  lines: 'lines of both access logs',
  spans: 'spans that came and spans that were dropped, client and server',
} as const;
const wanted: Readonly<Record<keyof typeof names, number>> = {
  app: requests,
  source: requests,
  destination: requests,
  durations: 2 * requests,
  signals: 2 * requests,
  history: requests,
  lines: 2 * requests,
  spans: 2 * requests,
};

async function look(): Promise<Record<keyof typeof names, number>> {
  const [source, destination] = [
    await counted('istio_requests_total', 'source'),
    await counted('istio_requests_total', 'destination'),
  ];
  const durations = 'istio_request_duration_milliseconds_count';
  const { edges } = await statistics.stats({ window: '15m' });
  return {
    app: Number(await (await fetch(`http://127.0.0.1:${ports.backend}/counted`)).text()),
    source,
    destination,
    durations: (await counted(durations, 'source')) + (await counted(durations, 'destination')),
    signals: told.source + told.destination,
    history: edges.reduce((sum, edge) => sum + edge.total.requests, 0),
    lines: readFileSync(logFile, 'latin1').split('\n').length - 1,
    spans: spans.client + spans.server + dropped,
  };
}

try {
  const { stdout } = await promisify(execFile)('taskset', [
    ...['-c', String(loadCore), 'h2load', '--h1', '-t1', '-c64', '-n', String(requests), chain.url],
  ]);
  const answered = Number(/status codes: (\d+) 2xx/.exec(stdout)?.[1]);
  // What is told once a second, and the last batch of spans.
  let found = await look();
  for (const deadline = Date.now() + 10_000; Date.now() < deadline && found.history < requests; found = await look())
    await new Promise(resolve => setTimeout(resolve, 500));
  const keys = Object.keys(names) as (keyof typeof names)[];
  const rows = [
    ['the load: answers with 200', String(answered), String(requests), String(requests - answered)],
    ...keys.map(key => [names[key], String(found[key]), String(wanted[key]), String(wanted[key] - found[key])]),
  ];
  const heading = ['who counts', 'counted', 'expected', 'lost'];
  const note = `${requests} requests over 64 connections with \`h2load\`, everything recorded; of the spans ${dropped} were dropped. Node ${process.version}. Run: \`node bench/counted.ts --write\`.`;
  for (const row of [heading, ...rows, [note]]) process.stdout.write(`${row.join('\t')}\n`);
  if (rows.some(row => row.at(-1) !== '0')) process.exitCode = 1;
  if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'counted', heading, rows, note);
} finally {
  await chain.stop();
  await app.stop();
  await statistics.close();
  rmSync(dir, { recursive: true, force: true });
}
