/**
 * What the two-hop mTLS chain costs for everything but small HTTP/1.1 answers, ours against HAProxy, interleaved in one run.
 *
 *   node bench/protocols.ts [http2] [grpc] [tcp] [answers] [uploads] [everything] [--rounds 3] [--seconds 3] [--profiles <folder>] [--write]
 *
 * Needs what bench/two-hop-chain.ts needs, and h2load (Debian: nghttp2-client). Load and backend run on core 0, the proxies on core 1.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBackend } from './chain/backend.ts';
import { makeCertificates } from './chain/certificates.ts';
import type { Chain } from './chain/chain.ts';
import { type HaproxyOptions, haproxyChain } from './chain/haproxy.ts';
import { type LoadResult, load, loadHttp2 } from './chain/load.ts';
import { appAddress, type LocalmeshOptions, localmeshChain } from './chain/localmesh.ts';
import { listening, type Spawned, spawnOn } from './chain/spawned.ts';
import { type Cost, interleave } from './interleave.ts';
import { writeTable } from './table.ts';

const loadCore = 0;
const proxyCore = 1;
const dir = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
const certs = makeCertificates(dir);
const mebibyte = 1024 * 1024;

/** One table. */
interface Suite {
  /** What is said below the table. */
  readonly note: string;
  readonly haproxy: readonly HaproxyOptions[];
  readonly localmesh: readonly LocalmeshOptions[];
  readonly backend: (at: readonly string[]) => Promise<Spawned>;
  readonly load: (chain: Chain, seconds: number) => Promise<LoadResult>;
  /** A request carries this much, and what counts is MiB per CPU second. */
  readonly bytes?: number;
}

async function nodeBackend(program: string, args: readonly string[], at: readonly string[]): Promise<Spawned> {
  const backend = spawnOn(loadCore, process.execPath, [join(import.meta.dirname, 'chain', program), ...args, ...at]);
  await listening(Number(at[0]?.split(':')[1]));
  return backend;
}

function written(name: string, content: string | Buffer): string {
  const file = join(dir, name);
  writeFileSync(file, content);
  return file;
}

const message = Buffer.alloc(5 + 128, 120);
message.writeUIntBE(0, 0, 1);
message.writeUInt32BE(message.length - 5, 1);
const grpcCall = ['-d', written('message', message), '-H', 'content-type: application/grpc', '-H', 'te: trailers'];
const upload = written('upload.lua', `wrk.method = "POST"\nwrk.body = string.rep("x", ${mebibyte})\n`);
const streams = [8, 16] as const;
const plain = { haproxy: [{}], localmesh: [{}] };

const suites: Readonly<Record<string, Suite>> = {
  http2: {
    note: 'HTTP/2 without TLS from client and to backend (nginx), 1 KiB answers, 8 connections with 16 streams each.',
    haproxy: [{ spoken: 'HTTP/2' }],
    localmesh: [{ spoken: 'HTTP/2' }],
    backend: at => startBackend(dir, loadCore, at, 1024, true),
    load: (chain, seconds) => loadHttp2(loadCore, chain.url, streams, seconds),
  },
  grpc: {
    note: 'gRPC unary calls of 128 B answered with 1 KiB by a server of grpc-js, 8 connections with 16 streams each.',
    haproxy: [{ spoken: 'HTTP/2' }],
    localmesh: [{ spoken: 'HTTP/2' }],
    backend: at => nodeBackend('grpc-backend.ts', ['1024'], at),
    load: (chain, seconds) => loadHttp2(loadCore, `${chain.url}bench.Echo/Get`, streams, seconds, grpcCall),
  },
  tcp: {
    note: 'Raw TCP, 64 connections that carry requests with 1 KiB answers; HAProxy in `mode tcp`.',
    haproxy: [{ spoken: 'TCP' }],
    localmesh: [{ spoken: 'TCP' }],
    backend: at => startBackend(dir, loadCore, at, 1024),
    load: (chain, seconds) => load(loadCore, chain.url, 64, seconds),
  },
  answers: {
    note: 'HTTP/1.1, answers of 1 MiB, 16 connections.',
    ...plain,
    bytes: mebibyte,
    backend: at => nodeBackend('raw-backend.ts', [], at),
    load: (chain, seconds) => load(loadCore, `${chain.url}${mebibyte}`, 16, seconds),
  },
  uploads: {
    note: 'HTTP/1.1, uploads of 1 MiB, 16 connections.',
    ...plain,
    bytes: mebibyte,
    backend: at => nodeBackend('raw-backend.ts', [], at),
    load: (chain, seconds) => load(loadCore, `${chain.url}0`, 16, seconds, upload),
  },
  everything: {
    note: 'HTTP/1.1, 1 KiB answers, 64 connections. Everything on: retries armed with their copy of the request, three kinds of timeouts, an authorization rule, header edits both ways, access log as JSON to /dev/null.',
    haproxy: [{}],
    localmesh: [{}, { everything: true }],
    backend: at => startBackend(dir, loadCore, at, 1024),
    load: (chain, seconds) => load(loadCore, chain.url, 64, seconds),
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    profiles: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];

function table(name: string, suite: Suite, costs: readonly Cost[]): void {
  const bytes = suite.bytes;
  const worth = (cost: Cost): number =>
    bytes === undefined ? cost.microsPerRequest : bytes / mebibyte / (cost.microsPerRequest / 1e6);
  const base = costs[0] === undefined ? Number.NaN : worth(costs[0]);
  const rows = costs.map(cost => [
    cost.chain.name,
    worth(cost).toFixed(bytes === undefined ? 1 : 0),
    (worth(cost) / base).toFixed(2),
    Math.round(cost.requestsPerSecond).toString(),
  ]);
  const heading = [name, bytes === undefined ? 'CPU µs per request' : 'MiB per CPU second', '× HAProxy', 'requests/s'];
  const note = `${suite.note} ${rounds} interleaved rounds of ${seconds} s, medians; user + system CPU of both proxies; Node ${process.version}. Run: \`node bench/protocols.ts ${name} --write\`.`;
  for (const row of [heading, ...rows]) process.stdout.write(`${row.join('\t')}\n`);
  if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), name, heading, rows, note);
}

async function run(name: string, suite: Suite): Promise<void> {
  let port = 29600;
  const ports = () => ({ front: port++, back: port++, backend: 29599 });
  const haproxies = suite.haproxy.map(options => ({ options, ports: ports() }));
  const meshes = suite.localmesh.map(options => ({ options, ports: ports() }));
  const backend = await suite.backend(['127.0.0.1:29599', ...meshes.map(({ ports: { back } }) => `${appAddress}:${back}`)]);
  const chains: Chain[] = [];
  try {
    for (const { options, ports } of haproxies) chains.push(await haproxyChain(dir, proxyCore, ports, certs, options));
    for (const { options, ports } of meshes)
      chains.push(
        await localmeshChain(dir, proxyCore, ports, {
          ...options,
          ...(values.profiles === undefined ? {} : { profiles: values.profiles }),
        }),
      );
    table(name, suite, await interleave(chains, { rounds, seconds }, suite.load));
  } finally {
    for (const chain of chains) await chain.stop();
    await backend.stop();
  }
}

try {
  for (const [name, suite] of Object.entries(suites))
    if (positionals.length === 0 || positionals.includes(name)) await run(name, suite);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
