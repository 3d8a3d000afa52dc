/**
 * Certificates and the root of a mesh under load for a long time: does anything fail, and what does it cost.
 *
 *   node bench/rotation.ts [--minutes 15] [--ttl 30s] [--rate 200] [--write]
 *
 * Four real sidecars with a real control plane in this process, on loopback, without Docker. HTTP/1, HTTP/2 and short TCP connections at a steady rate,
 * and one TCP connection that stays; in the middle the root is changed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/async/clock.ts';
import { isProblem, parseDuration } from '../src/config/units.ts';
import { createCsr } from '../src/identity/certificate-request.ts';
import { serviceId } from '../src/identity/spiffe-id.ts';
import { createSvid } from '../src/identity/svid.ts';
import { Authority } from '../src/pki/authority.ts';
import { WorkloadIdentity } from '../src/proxy/tls/workload-identity.ts';
import { LoopbackMesh } from '../test/support/loopback-mesh.ts';
import { echoOnce, Http1Caller, Http2Caller, LongTalk } from '../test/support/mesh-callers.ts';
import { newKey } from '../test/support/test-ca.ts';
import { percentile } from './median.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '15' },
    ttl: { type: 'string', default: '30s' },
    rate: { type: 'string', default: '200' },
    write: { type: 'boolean', default: false },
  },
});
const ttlMs = parseDuration(values.ttl);
if (isProblem(ttlMs)) throw new Error(`--ttl: ${ttlMs.problem}`);
const durationMs = Number(values.minutes) * 60_000;
const directory = await mkdtemp(join(tmpdir(), 'bench-rotation-'));
process.on('exit', () => void rm(directory, { recursive: true, force: true }));

const renewalMs = await renewalCost();
const mesh = await LoopbackMesh.start({ directory, svidTtlMs: ttlMs });

/** The least that any handshake can have found left of a certificate is what was left when the next one came. */
let leastLeft = 1;
let renewals = 0;
const ends = new Map<string, number>();
mesh.control.on(event => {
  if (event.kind !== 'issued') return;
  const end = ends.get(event.workload);
  if (end !== undefined) {
    renewals += 1;
    leastLeft = Math.min(leastLeft, (end - Date.now()) / ttlMs);
  }
  ends.set(event.workload, event.expiresAtMs);
});

const failures = new Map<string, number>();
const took: number[] = [];
const failed = (problem: string): void => void failures.set(problem, (failures.get(problem) ?? 0) + 1);
let calls = 0;
let running = true;
const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

/** One worker asks at even steps, whatever became of what it asked before. */
async function worker(everyMs: number, call: () => Promise<string | null>): Promise<void> {
  for (let next = performance.now(); running; next += everyMs) {
    const from = performance.now();
    const problem = await call();
    took.push(performance.now() - from);
    calls += 1;
    if (problem !== null) failed(problem);
    await sleep(Math.max(0, next + everyMs - performance.now()));
  }
}

/** Says something every second for as long as it may live: until the root that vouched for it is forgotten. */
async function talk(until: () => boolean): Promise<void> {
  using connection = new LongTalk(mesh.address('raw'));
  while (running && !until()) {
    const problem = await connection.say('still there?');
    if (problem !== null) failed(problem);
    calls += 1;
    await sleep(1000);
  }
}

const workers = 8;
const everyMs = (workers * 1000) / Number(values.rate);
const cpu = process.cpuUsage();
const began = performance.now();
let retired = false;
const work = [talk(() => retired)];
for (let each = 0; each < workers; each++) {
  const h1 = new Http1Caller();
  const h2 = new Http2Caller();
  let turn = each;
  work.push(
    worker(everyMs, () => {
      turn += 1;
      if (turn % 3 === 0) return h1.call(mesh.address('web'), 'web:8101');
      return turn % 3 === 1 ? h2.call(mesh.address('grpc'), 'grpc:8102') : echoOnce(mesh.address('raw'));
    }),
  );
}
await sleep(durationMs / 2);
// What stays open is cut after the change, as is promised: this one leaves before.
mesh.control.on(event => {
  if (event.kind === 'roots' && event.phase === 'activated') retired = true;
});
const changeFrom = performance.now();
await mesh.control.identities.rotation.start();
const changeMs = performance.now() - changeFrom;
work.push(talk(() => false));
await sleep(durationMs / 2);
running = false;
await Promise.all(work);
const { user, system } = process.cpuUsage(cpu);
await mesh[Symbol.asyncDispose]();

const count = [...failures.values()].reduce((sum, each) => sum + each, 0);
const heading = [
  'rotation',
  'requests',
  'failed',
  'renewals per sidecar',
  'least life left',
  'change of the root',
  'p99',
  'CPU per renewal',
];
const row = [
  `${values.minutes} min, SVIDs of ${values.ttl}, ${values.rate}/s`,
  String(calls),
  String(count),
  String(Math.floor(renewals / mesh.pods.size)),
  `${Math.round(leastLeft * 100)} %`,
  `${changeMs.toFixed(0)} ms`,
  `${percentile(took, 0.99).toFixed(1)} ms`,
  `${renewalMs.toFixed(1)} ms`,
];
for (const line of [heading, row]) process.stdout.write(`${line.join('\t')}\n`);
process.stdout.write(`cpu ${(((user + system) / 1000 / (performance.now() - began)) * 100).toFixed(0)} % of a core\n`);
const note =
  'Four sidecars, apps, callers and control plane in one process: HTTP/1, HTTP/2 and short TCP connections by turns, and TCP connections that stay. Least life left: of any certificate ' +
  'that a handshake can have seen, in parts of its life. CPU per renewal: a key, its request, the signature and the contexts of TLS, on both sides together. Run: `node bench/rotation.ts --write`.';
if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'rotation', heading, [row], note);
for (const [problem, times] of failures) process.stderr.write(`failed ${times} times: ${problem}\n`);
process.exit(count === 0 && leastLeft >= 0.3 ? 0 : 1);

/** CPU ms of one renewal, without the channel between. */
async function renewalCost(): Promise<number> {
  const authority = await Authority.open({ directory: join(directory, 'cost'), trustDomain: 'a.local', clock: systemClock });
  const identity = new WorkloadIdentity(systemClock);
  const id = serviceId('a.local', 'default', 'a');
  const renew = async (): Promise<void> => {
    const key = newKey();
    const { chainPem } = await authority.issue(createCsr(key, id), id);
    identity.replace(createSvid(key, chainPem, authority.bundlePem, id, Date.now()));
  };
  for (let warm = 0; warm < 50; warm++) await renew();
  const from = process.cpuUsage();
  for (let each = 0; each < 200; each++) await renew();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000 / 200;
}
