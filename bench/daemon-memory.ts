/**
 * Memory of the daemon of a mesh of 50 sidecars: the built program, with connected control channels that tell signals and spans every second, a full history
 * and a full store of traces, a watcher of live statistics, and a scrape of all metrics every five seconds.
 *
 *   node bench/daemon-memory.ts [--sidecars 50] [--fan 8] [--minutes 2] [--flags "--max-semi-space-size=4"] [--heap file] [--write]
 *
 * Needs `npm run build`. Engine and sidecars are stand-ins in this process: the daemon cannot tell, and its memory is measured alone, by /proc.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type EdgeName, emptyRow } from '../src/daemon/observe/edge-row.ts';
import { History } from '../src/daemon/observe/history.ts';
import type { Moment } from '../src/daemon/observe/segment.ts';
import { StandInEngine } from './daemon-memory/engine.ts';
import { BenchSidecar } from './daemon-memory/sidecars.ts';
import { median } from './median.ts';
import { cpuMicros, pssBytes } from './process-cpu.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    sidecars: { type: 'string', default: '50' },
    fan: { type: 'string', default: '8' },
    minutes: { type: 'string', default: '2' },
    flags: { type: 'string', default: '' },
    heap: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const count = Number(values.sidecars);
const fan = Number(values.fan);
const dir = mkdtempSync(join(tmpdir(), 'mesh-memory-'));
const socket = join(dir, '.mesh/run/daemon.sock');
const services = Array.from({ length: count }, (_, i) => `  s${i}: {image: app, ports: [8080]}`);
writeFileSync(join(dir, 'mesh.yaml'), `name: bench\nservices:\n${services.join('\n')}\n`);
const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

/** 24 hours and 15 minutes before now of every edge, as a daemon before would have left them. */
async function fillHistory(): Promise<number> {
  const end = Math.floor(Date.now() / 60_000) * 60_000;
  let nowMs = end - 24 * 3_600_000;
  const clock = { now: () => nowMs, monotonic: () => nowMs, after: () => () => {} };
  const history = new History({ clock, stateDir: join(dir, '.mesh'), warn: message => process.stderr.write(`${message}\n`) });
  const edges = Array.from({ length: count * fan }, (_, i) => edgeName(i % count, 1 + Math.floor(i / count)));
  const moment = (atMs: number): Moment => {
    const rows = new Map(edges.map(edge => [edge, busyRow(edge)]));
    return { atMs, lengthMs: 1_000, rows };
  };
  while (nowMs < end) {
    nowMs += nowMs < end - 15 * 60_000 ? 60_000 : 1_000;
    history.add(moment(nowMs));
    // Files are written behind: they get their turn.
    if (nowMs % 60_000 === 0) await wait(1);
  }
  const { bytes } = history;
  await history.close();
  return bytes;
}

function edgeName(from: number, ahead: number): EdgeName {
  const party = (n: number): EdgeName['source'] => ({
    service: `s${n}`,
    version: 'v1',
    workload: `s${n}-v1`,
    principal: `spiffe://bench.local/ns/default/sa/s${n}`,
  });
  return { source: party(from), destination: party((from + ahead) % count), protocol: 'http' };
}

function busyRow({ destination }: EdgeName): ReturnType<typeof emptyRow> {
  const row = emptyRow();
  // Numbers that nobody can deflate.
  const any = (most: number): number => Math.ceil(Math.random() * most);
  row.requests = any(40);
  row.bytesIn = any(5_000);
  row.bytesOut = any(50_000);
  row.open = any(4);
  row.secured = true;
  row.durations.set([0, any(4), any(10), any(20), any(4), any(2)]);
  row.rules.set(`${destination.service}/default`, { hits: row.requests, failures: 0 });
  return row;
}

/** Reads an answer to its end; resolves to its bytes and how long it took. */
function get(path: string): Promise<{ readonly bytes: number; readonly ms: number; readonly status: number }> {
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, path }, answer => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      answer.on('end', () => resolve({ bytes, ms: performance.now() - from, status: answer.statusCode ?? 0 }));
      answer.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function memory(pid: number): { readonly pss: number; readonly rss: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { pss: pssBytes(pid) / 1e6, rss: kib('VmRSS') / 1e3, peak: kib('VmHWM') / 1e3 };
}

const historyBytes = await fillHistory();
const sidecars: BenchSidecar[] = [];
const engine = await StandInEngine.listen(join(dir, 'engine.sock'), async environment => {
  const made = await BenchSidecar.start(environment, count, fan);
  sidecars.push(made);
  return made.sidecar;
});
const program = `import(${JSON.stringify(join(import.meta.dirname, '../dist/cli.mjs'))}).then(cli => cli.main(['daemon', '--progress', 'plain']))`;
const daemon = spawn(process.execPath, [...values.flags.split(' ').filter(flag => flag !== ''), '-e', program], {
  cwd: dir,
  env: { ...process.env, DOCKER_HOST: `unix://${join(dir, 'engine.sock')}` },
  stdio: ['ignore', 'inherit', 'inherit'],
});
const pid = daemon.pid ?? 0;
try {
  while (sidecars.length < count || sidecars.some(({ sidecar }) => sidecar.snapshots.length === 0)) await wait(100);
  const started = memory(pid);
  const watcher = request({ socketPath: socket, path: '/v1/stats/live?window=1m' }, answer => answer.resume()).end();
  watcher.on('error', () => {});
  const samples: number[] = [];
  const scrapes: Awaited<ReturnType<typeof get>>[] = [];
  const seconds = Number(values.minutes) * 60;
  const cpuBefore = cpuMicros(pid);
  const from = performance.now();
  for (let second = 0; second < seconds; second++) {
    for (const sidecar of sidecars) sidecar.second(4, 20, Date.now());
    if (second % 5 === 0) scrapes.push(await get('/metrics'));
    await wait(Math.max(0, from + (second + 1) * 1_000 - performance.now()));
    if (second > seconds / 2) samples.push(memory(pid).pss);
    if (second % 10 === 0) process.stdout.write(`${second} s: ${JSON.stringify(memory(pid))}\n`);
  }
  const cpu = (cpuMicros(pid) - cpuBefore) / (performance.now() - from) / 10;
  const { rss, peak } = memory(pid);
  const last = scrapes.at(-1);
  if (last?.status !== 200) throw new Error(`/metrics answered ${last?.status}`);
  if (values.heap !== '') await get('/v1/status');
  const heading = ['daemon with', 'PSS, median', 'PSS, most', 'RSS', 'RSS, ever', 'CPU', '/metrics', 'in'];
  const row = [
    `${count} sidecars of ${sidecars[0]?.series} series`,
    `${median(samples).toFixed(0)} MB`,
    `${Math.max(...samples).toFixed(0)} MB`,
    `${rss.toFixed(0)} MB`,
    `${peak.toFixed(0)} MB`,
    `${cpu.toFixed(0)} %`,
    `${((last?.bytes ?? 0) / 1e6).toFixed(1)} MB`,
    `${median(scrapes.map(({ ms }) => ms)).toFixed(0)} ms`,
  ];
  const note = `Connected at ${started.pss.toFixed(0)} MB, ${(historyBytes / 1e6).toFixed(0)} MB of them history: 24 hours and 15 minutes of ${count * fan} edges, all busy. Then ${values.minutes} minutes with signals of every edge and ${20 * count} spans a second, a watcher of live statistics and a scrape every 5 s; the second half is measured. Node ${process.version}. Run: \`node bench/daemon-memory.ts --write\`.`;
  for (const each of [heading, row, [note]]) process.stdout.write(`${each.join('\t')}\n`);
  if (values.write) writeTable(join(import.meta.dirname, '../docs/benchmarks.md'), 'daemon-memory', heading, [row], note);
  watcher.destroy();
} finally {
  daemon.kill('SIGTERM');
  await once(daemon, 'exit');
  engine.close();
  await Promise.all(sidecars.map(({ sidecar }) => sidecar.kill()));
  rmSync(dir, { recursive: true, force: true });
}
process.exit();
