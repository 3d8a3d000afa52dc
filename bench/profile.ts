/**
 * Where the time goes: CPU of both proxies per request, divided by what it is spent on, and their system calls, ours and HAProxy's.
 *
 *   node bench/profile.ts [one] [eight] [sixty-four] [rate] [answers] [uploads] [grpc] [--seconds 4] [--write]
 *
 * Needs what bench/protocols.ts needs, and perf, as root. `--write` puts the table into docs/benchmarks.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeCertificates } from './chain/certificates.ts';
import type { Chain } from './chain/chain.ts';
import { haproxyChain } from './chain/haproxy.ts';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { proxyCore, type Suite, smallSuitesIn, suitesIn } from './chain/suites.ts';
import { cpuMicros } from './process-cpu.ts';
import { type Part, partOf, parts, type SourceOf } from './profile/part.ts';
import { bundleSources, type CallKind, countCalls, sampleStacks } from './profile/perf.ts';
import { writeTable } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '4' }, write: { type: 'boolean', default: false } },
});
const seconds = Number(values.seconds);
const dir = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
const certs = makeCertificates(dir);
const { answers, uploads, grpc } = suitesIn(dir);
const figures: Readonly<Record<string, Suite | undefined>> = { ...smallSuitesIn(dir), answers, uploads, grpc };

/** What a chain needed for one request. */
interface Profile {
  readonly micros: ReadonlyMap<Part, number>;
  /** The server's side first. */
  readonly sides: readonly number[];
  readonly calls: Readonly<Record<CallKind, number>>;
}

async function profile(chain: Chain, suite: Suite, sourceOf: SourceOf | null): Promise<Profile> {
  await suite.load(chain, 4); // pools, JIT
  const before = chain.pids.map(cpuMicros);
  const { requests } = await suite.load(chain, seconds);
  const sides = chain.pids.map((pid, at) => (cpuMicros(pid) - (before[at] ?? 0)) / requests);
  const [counted, { requests: meanwhile }] = await Promise.all([countCalls(chain.pids, seconds + 1), suite.load(chain, seconds)]);
  const each = (count: number): number => count / meanwhile;
  const calls = {
    reads: each(counted.reads),
    writes: each(counted.writes),
    waits: each(counted.waits),
    others: each(counted.others),
  };
  const [stacks] = await Promise.all([sampleStacks(join(dir, 'perf'), chain.pids, seconds), suite.load(chain, seconds + 1)]);
  const micros = new Map<Part, number>();
  for (const [at, pid] of chain.pids.entries()) {
    const samples = stacks.get(pid) ?? [];
    for (const sample of samples) {
      const part = partOf(sample, sourceOf);
      micros.set(part, (micros.get(part) ?? 0) + (sides[at] ?? 0) / samples.length);
    }
  }
  return { micros, sides, calls };
}

/** HAProxy's and ours. */
async function profiles(suite: Suite): Promise<Profile[]> {
  const [haproxy, mesh] = [
    { front: 29600, back: 29601, backend: 29599 },
    { front: 29602, back: 29603, backend: 29599 },
  ] as const;
  const backend = await suite.backend([`127.0.0.1:${haproxy.backend}`, `${appAddress}:${mesh.back}`]);
  const chains: Chain[] = [];
  try {
    chains.push(await haproxyChain(dir, proxyCore, haproxy, certs, suite.haproxy[0]));
    chains.push(await localmeshChain(dir, proxyCore, mesh, { ...suite.localmesh[0], nodeArgs: ['--perf-basic-prof'] }));
    const made: Profile[] = [];
    for (const [at, chain] of chains.entries())
      made.push(await profile(chain, suite, at === 0 ? null : bundleSources(join(dir, 'sidecar-process.cjs'))));
    return made;
  } finally {
    for (const chain of chains) {
      await chain.stop();
      for (const pid of chain.pids) rmSync(`/tmp/perf-${pid}.map`, { force: true });
    }
    await backend.stop();
  }
}

const digits = (value: number): string => (value === 0 ? '–' : value < 10 ? value.toFixed(1) : value.toFixed(0));
try {
  const names = Object.keys(figures).filter(name => positionals.length === 0 || positionals.includes(name));
  const columns: Profile[][] = [];
  for (const name of names) {
    const suite = figures[name];
    if (suite === undefined) throw new Error(`no suite ${name}`);
    columns.push(await profiles(suite));
    process.stderr.write(`${name}\n`);
  }
  const row = (title: string, of: (profile: Profile) => number): string[] => [
    title,
    ...columns.map(([haproxy, mesh]) => [mesh, haproxy].map(each => (each === undefined ? '' : digits(of(each)))).join(' / ')),
  ];
  const rows = [
    row('client’s side, µs', ({ sides }) => sides[1] ?? 0),
    row('server’s side, µs', ({ sides }) => sides[0] ?? 0),
    ...parts.map(part => row(part, ({ micros }) => micros.get(part) ?? 0)),
    ...(['reads', 'writes', 'waits', 'others'] as const).map(kind => row(`system calls: ${kind}`, ({ calls }) => calls[kind])),
  ];
  const heading = ['ours / HAProxy, per request', ...names];
  const note = `µs of both proxies; ${names.map(name => `**${name}**: ${figures[name]?.note ?? ''}`).join(' ')} \`perf record\` at 2 kHz for ${seconds} s each; Node ${process.version}. Run: \`node bench/profile.ts --write\`.`;
  for (const cells of [heading, ...rows]) process.stdout.write(`${cells.join('\t')}\n`);
  if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'profile', heading, rows, note);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
