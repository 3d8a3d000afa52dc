/**
 * What a tap costs the two-hop mTLS chain at a fixed rate: CPU per request and latency with nobody watching, with watchers of this and that, with one who does
 * not read, and with a daemon that does not read. Cases are interleaved on one chain.
 *
 *   node bench/tap.ts [--rounds 5] [--seconds 3] [--rate 5000] [--write]
 *
 * Needs nginx, h2load and taskset. Load, backend and control plane run on core 0, the sidecars on core 1.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { TapRequest } from '../src/api/tap.ts';
import { systemClock } from '../src/async/clock.ts';
import type { ObservedWorkload } from '../src/control/control-plane.ts';
import { TapHub } from '../src/daemon/observe/tap-hub.ts';
import { maxTapBodyBytes, type Tapped } from '../src/snapshot/tap.ts';
import { startBackend } from './chain/backend.ts';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { loadCore, proxyCore } from './chain/suites.ts';
import { median, percentile } from './median.ts';
import { cpuMicros } from './process-cpu.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '5000' },
    write: { type: 'boolean', default: false },
  },
});
const [rounds, seconds, rate] = [Number(values.rounds), Number(values.seconds), Number(values.rate)];
const connections = 50;
const ports = { front: 29820, back: 29821, backend: 29819 };
const dir = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
execFileSync('taskset', ['-cp', String(loadCore), String(process.pid)]);

const all: TapRequest = {
  at: 'both',
  from: '',
  to: '',
  path: '',
  method: '',
  statuses: [],
  headers: [],
  bodyBytes: 0,
  max: 0,
  forMs: 0,
};
/** A way to watch. */
interface Case {
  readonly request?: TapRequest;
  /** `watcher`: what it asked for is left lying; `daemon`: nothing is taken off the control channels. @default all read */
  readonly lazy?: 'watcher' | 'daemon';
}
const cases: Readonly<Record<string, Case>> = {
  'nobody watches': {},
  'a watcher of another path': { request: { ...all, path: '/other' } },
  'a watcher of errors': { request: { ...all, statuses: ['5xx'] } },
  'a watcher of everything': { request: all },
  'a watcher of everything, bodies of 64 KiB': { request: { ...all, bodyBytes: maxTapBodyBytes } },
  'a watcher who does not read': { request: all, lazy: 'watcher' },
  'a daemon that does not read': { request: all, lazy: 'daemon' },
};

/** Of one case, over all rounds. */
const made = new Map(
  Object.keys(cases).map(name => [name, { micros: [] as number[], p50: [] as number[], p99: [] as number[], told: 0, shed: 0 }]),
);

let hear: (from: ObservedWorkload, message: Tapped) => void = () => {};
const backend = await startBackend(dir, loadCore, [`127.0.0.1:${ports.backend}`, `${appAddress}:${ports.back}`], 1024);
const chain = await localmeshChain(dir, proxyCore, ports, { recorded: { onTapped: (from, message) => hear(from, message) } });
const { control } = chain;
const hub = new TapHub({
  clock: systemClock,
  control: {
    tap: orders => control.tap(orders),
    onTapped: listener => {
      hear = listener;
    },
  },
  config: () => null,
});

/** What was sent to the sidecars before has been taken. */
async function taken(): Promise<void> {
  for (const { workload } of control.status()) await control.sidecars.query(workload, 'state');
}

const log = join(dir, 'requests.log');
const h2load = ['--h1', '-t1', `-c${connections}`, `--rps=${rate / connections}`, `--log-file=${log}`, chain.url];
/** Microseconds of each request. `blocking`: this process does nothing else meanwhile. */
async function load(time: number, blocking: boolean): Promise<number[]> {
  rmSync(log, { force: true });
  const args = ['-c', String(loadCore), 'h2load', '-D', String(time), ...h2load];
  if (blocking) execFileSync('taskset', args, { stdio: 'ignore' });
  else await promisify(execFile)('taskset', args, { maxBuffer: 1 << 26 });
  return readFileSync(log, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => {
      const [, status, micros] = line.split('\t').map(Number);
      if (status !== 200) throw new Error(`answered ${status}`);
      return micros ?? Number.NaN;
    });
}

async function round(name: string, { request, lazy }: Case): Promise<void> {
  const result = made.get(name);
  if (result === undefined) return;
  const watching = new AbortController();
  const lines = request === undefined ? null : hub.watch(request, watching.signal);
  const read = async (): Promise<void> => {
    if (lines === null || lazy === 'watcher') return;
    for await (const line of lines) {
      if (line.kind === 'shed') result.shed += line.count;
      else if (line.kind !== 'end') result.told++;
    }
  };
  const reading = read();
  await taken();
  const before = chain.pids.map(cpuMicros);
  const micros = await load(seconds, lazy === 'daemon');
  const spent = chain.pids.reduce((sum, pid, at) => sum + cpuMicros(pid) - (before[at] ?? 0), 0);
  // What was shed last is told with the next batch.
  await new Promise(resolve => setTimeout(resolve, 300));
  watching.abort();
  await reading;
  await taken();
  result.micros.push(spent / micros.length);
  result.p50.push(percentile(micros, 0.5));
  result.p99.push(percentile(micros, 0.99));
}

try {
  await load(5, false);
  for (let number = 1; number <= rounds; number++) {
    for (const [name, one] of Object.entries(cases)) await round(name, one);
    process.stderr.write(`round ${number} of ${rounds}\n`);
  }
  const base = median(made.get('nobody watches')?.micros ?? []);
  const rows = [...made].map(([name, { micros, p50, p99, told, shed }]) => [
    name,
    median(micros).toFixed(1),
    (median(micros) / base).toFixed(2),
    median(p50).toFixed(0),
    median(p99).toFixed(0),
    ...(cases[name]?.request === undefined || cases[name].lazy === 'watcher' ? ['–', '–'] : [String(told), String(shed)]),
  ]);
  const heading = ['tap', 'CPU µs per request', '× nobody', 'p50 µs', 'p99 µs', 'told', 'shed and counted'];
  const note = `Two-hop mTLS chain at ${rate} requests per second over ${connections} connections, 1 KiB answers; both sidecars tell. ${rounds} interleaved rounds of ${seconds} s, medians; user + system CPU of both sidecars; Node ${process.version}. Run: \`node bench/tap.ts --write\`.`;
  for (const row of [heading, ...rows, [note]]) process.stdout.write(`${row.join('\t')}\n`);
  if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'tap', heading, rows, note);
} finally {
  await chain.stop();
  await backend.stop();
  rmSync(dir, { recursive: true, force: true });
}
