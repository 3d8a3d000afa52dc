/**
 * What it costs the two-hop mTLS chain to be seen: CPU per request with metrics, traces and access log against the same chain without them, interleaved in
 * one run.
 *
 *   node bench/observing.ts [--rounds 12] [--seconds 1] [--only <beginning of a name>]… [--profiles <folder>] [--write]
 *
 * Needs nginx, wrk, mkfifo and taskset. Load, backend, the reader of the access log and the control plane run on core 0, the sidecars on core 1.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBackend } from './chain/backend.ts';
import { load } from './chain/load.ts';
import { appAddress, type LocalmeshChain, localmeshChain, type Recorded } from './chain/localmesh.ts';
import { type Spawned, spawnOn } from './chain/spawned.ts';
import { loadCore, proxyCore } from './chain/suites.ts';
import { interleave } from './interleave.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true, default: [''] },
    profiles: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const connections = 64;
const bytes = 1024;
const nothing = 'nothing is recorded';
const asked = { signals: true, spans: true };
const cases: Readonly<Record<string, Recorded>> = {
  [nothing]: { metrics: false },
  metrics: {},
  'metrics and their signals to the daemon': { observation: { signals: true, spans: false } },
  'metrics, trace headers, nobody takes spans': { tracing: true },
  'metrics, signals, spans of all requests to the daemon': { tracing: true, observation: asked },
  'metrics, access log as text': { accessLog: 'text' },
  'metrics, access log as JSON': { accessLog: 'json' },
  'all of it, access log as text (the default)': { tracing: true, observation: asked, accessLog: 'text' },
  'all of it, access log as JSON': { tracing: true, observation: asked, accessLog: 'json' },
};

const dir = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
execFileSync('taskset', ['-cp', String(loadCore), String(process.pid)]);
const names = Object.keys(cases).filter(name => name === nothing || values.only.some(only => name.startsWith(only)));
const portOf = (name: string): number => 29700 + 2 * Object.keys(cases).indexOf(name);
const backend = await startBackend(
  dir,
  loadCore,
  ['127.0.0.1:29699', ...names.map(name => `${appAddress}:${portOf(name) + 1}`)],
  bytes,
);
const readers: Spawned[] = [];
const chains: LocalmeshChain[] = [];
/** Spans by chain. */
const told = new Map<string, number>();
const dropped = new Map<string, number>();
const requests = new Map<string, number>();
const add = (to: Map<string, number>, name: string, count: number): Map<string, number> =>
  to.set(name, (to.get(name) ?? 0) + count);

/** A pipe, as a container's stdout is one. */
function pipe(name: string): string {
  const path = join(dir, `log-${portOf(name)}`);
  execFileSync('mkfifo', [path]);
  readers.push(spawnOn(loadCore, 'sh', ['-c', 'exec cat "$1" > /dev/null', 'sh', path]));
  return path;
}

try {
  for (const name of names) {
    const recorded = cases[name] as Recorded;
    const chain = await localmeshChain(
      dir,
      proxyCore,
      { front: portOf(name), back: portOf(name) + 1, backend: 29699 },
      {
        recorded: {
          ...recorded,
          ...(recorded.accessLog === undefined ? {} : { accessLogTo: pipe(name) }),
          onObserved: (_, message) => {
            if (message.kind !== 'spans') return;
            add(told, name, message.spans.length);
            add(dropped, name, message.dropped);
          },
        },
        ...(values.profiles === undefined ? {} : { profiles: join(values.profiles, String(portOf(name))) }),
      },
    );
    chains.push({ ...chain, name });
  }
  const rounds = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
  const costs = await interleave(chains, rounds, async (chain, seconds) => {
    const result = await load(loadCore, chain.url, connections, seconds);
    add(requests, chain.name, result.requests);
    return result;
  });
  const [base] = costs;
  const share = (part: number, whole: number): string => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`);
  const rows = costs.map(({ chain: { name }, leastMicrosPerRequest: least, microsPerRequest, requestsPerSecond }) => [
    name,
    least.toFixed(1),
    (least / (base?.leastMicrosPerRequest ?? Number.NaN)).toFixed(2),
    microsPerRequest.toFixed(1),
    (microsPerRequest / (base?.microsPerRequest ?? Number.NaN)).toFixed(2),
    Math.round(requestsPerSecond).toString(),
    share(dropped.get(name) ?? 0, (told.get(name) ?? 0) + (dropped.get(name) ?? 0)),
  ]);
  const heading = [
    'what is recorded',
    'CPU µs per request, best round',
    '× nothing',
    'median',
    '× nothing',
    'requests/s',
    'spans dropped',
  ];
  const note = `Two-hop mTLS chain, ${bytes} B answers, ${connections} keep-alive connections, as fast as they go; ${values.rounds} interleaved rounds of ${values.seconds} s; user + system CPU of both sidecars; Node ${process.version}. Run: \`node bench/observing.ts --write\`.`;
  for (const row of [heading, ...rows]) process.stdout.write(`${row.join('\t')}\n`);
  if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'observing', heading, rows, note);
} finally {
  for (const chain of chains) await chain.stop();
  for (const reader of readers) await reader.stop();
  await backend.stop();
  rmSync(dir, { recursive: true, force: true });
}
