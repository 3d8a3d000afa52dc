/**
 * CPU per request of the proxies in a two-hop mTLS chain, ours against rivals, interleaved in one run.
 *
 *   node bench/two-hop-chain.ts [--rounds 5] [--seconds 4] [--connections 64] [--bytes 1024] [--write]
 *
 * Needs haproxy, nginx, wrk, openssl and taskset (Debian: haproxy nginx-light wrk openssl util-linux). Load and backend run on core 0, the
 * proxies on core 1. `--write` puts the table into docs/benchmarks.md. Everything stays on 127.0.0.1.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBackend } from './chain/backend.ts';
import { makeCertificates } from './chain/certificates.ts';
import type { Chain } from './chain/chain.ts';
import { haproxyChain } from './chain/haproxy.ts';
import { httpProxyChain } from './chain/http-proxy.ts';
import { load } from './chain/load.ts';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { median } from './median.ts';
import { cpuMicros } from './process-cpu.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    bytes: { type: 'string', default: '1024' },
    write: { type: 'boolean', default: false },
  },
});
const [rounds, seconds, connections, bytes] = [values.rounds, values.seconds, values.connections, values.bytes].map(Number) as [
  number,
  number,
  number,
  number,
];
const loadCore = 0;
const proxyCore = 1;

const dir = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
const backendPort = 29000;
const backend = await startBackend(
  dir,
  loadCore,
  [`127.0.0.1:${backendPort}`, `${appAddress}:29201`, `${appAddress}:29211`],
  bytes,
);
const certs = makeCertificates(dir);
const chains: Chain[] = [];
const micros = new Map<string, number[]>();
const requestsPerSecond = new Map<string, number[]>();
let failed = false;
try {
  chains.push(await haproxyChain(dir, proxyCore, { front: 29100, back: 29101, backend: backendPort }, certs));
  chains.push(await haproxyChain(dir, proxyCore, { front: 29110, back: 29111, backend: backendPort }, certs, 'h2'));
  chains.push(await localmeshChain(dir, proxyCore, { front: 29200, back: 29201, backend: backendPort }));
  chains.push(await localmeshChain(dir, proxyCore, { front: 29210, back: 29211, backend: backendPort }, 'pooled'));
  chains.push(await httpProxyChain(dir, proxyCore, { front: 29300, back: 29301, backend: backendPort }, certs));
  for (const chain of chains) await load(loadCore, chain.url, Math.max(connections, 64), 3); // warm-up: pools, JIT
  for (let round = 1; round <= rounds; round++) {
    for (const chain of chains) {
      const before = chain.pids.map(cpuMicros);
      const result = await load(loadCore, chain.url, connections, seconds);
      const spent = chain.pids.reduce((sum, pid, at) => sum + cpuMicros(pid) - (before[at] ?? 0), 0);
      if (result.errors > 0) {
        failed = true;
        process.stderr.write(`${chain.name}: ${result.errors} errors\n`);
      }
      micros.set(chain.name, [...(micros.get(chain.name) ?? []), spent / result.requests]);
      requestsPerSecond.set(chain.name, [...(requestsPerSecond.get(chain.name) ?? []), result.requests / seconds]);
    }
    process.stderr.write(`round ${round} of ${rounds}\n`);
  }
} finally {
  for (const chain of chains) await chain.stop();
  await backend.stop();
  rmSync(dir, { recursive: true, force: true });
}

const base = median(micros.get(chains[0]?.name ?? '') ?? []);
const rows = chains.map(chain => {
  const cost = median(micros.get(chain.name) ?? []);
  return [
    chain.name,
    cost.toFixed(1),
    (cost / base).toFixed(2),
    Math.round(median(requestsPerSecond.get(chain.name) ?? [])).toString(),
  ];
});
const heading = ['two-hop mTLS chain', 'CPU µs per request', '× HAProxy', 'requests/s'];
const note = `${bytes} B answers, ${connections} keep-alive connections, ${rounds} interleaved rounds of ${seconds} s, medians; user + system CPU of both proxies; Node ${process.version}. Run: \`node bench/two-hop-chain.ts --write\`.`;
for (const row of [heading, ...rows]) process.stdout.write(`${row.join('\t')}\n`);
if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), `two-hop-${bytes}`, heading, rows, note);
process.exitCode = failed ? 1 : 0;
