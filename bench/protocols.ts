/**
 * What the two-hop mTLS chain costs for everything but small HTTP/1.1 answers, ours against HAProxy, interleaved in one run.
 *
 *   node bench/protocols.ts [http2] [grpc] [tcp] [answers] [uploads] [everything] [--rounds 3] [--seconds 3] [--profiles <folder>] [--write]
 *
 * Needs what bench/two-hop-chain.ts needs, and h2load (Debian: nghttp2-client). Load and backend run on core 0, the proxies on core 1.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeCertificates } from './chain/certificates.ts';
import type { Chain } from './chain/chain.ts';
import { haproxyChain } from './chain/haproxy.ts';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { mebibyte, proxyCore, type Suite, suitesIn } from './chain/suites.ts';
import { type Cost, interleave } from './interleave.ts';
import { writeTable } from './table.ts';

const dir = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
const certs = makeCertificates(dir);
const suites = suitesIn(dir);

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
