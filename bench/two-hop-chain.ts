/**
 * CPU per request of the proxies in a two-hop mTLS chain, ours against rivals, interleaved in one run.
 *
 *   node bench/two-hop-chain.ts [--rounds 5] [--seconds 4] [--connections 64] [--bytes 1024] [--rivals all] [--write]
 *
 * Needs haproxy, nginx, wrk, openssl and taskset, for `--rivals all` also caddy (Debian: haproxy nginx-light wrk openssl util-linux caddy). Load and backend run on core 0, the
 * proxies on core 1. `--write` puts the table into docs/benchmarks.md. Everything stays on 127.0.0.1.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBackend } from './chain/backend.ts';
import { caddyChain } from './chain/caddy.ts';
import { makeCertificates } from './chain/certificates.ts';
import type { Chain } from './chain/chain.ts';
import { haproxyChain } from './chain/haproxy.ts';
import { httpProxyChain } from './chain/http-proxy.ts';
import { load } from './chain/load.ts';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { nginxChain } from './chain/nginx.ts';
import { interleave } from './interleave.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    bytes: { type: 'string', default: '1024' },
    rivals: { type: 'string', default: 'few' },
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
const ports = (front: number) => ({ front, back: front + 1, backend: backendPort });
try {
  chains.push(await haproxyChain(dir, proxyCore, ports(29100), certs));
  chains.push(await haproxyChain(dir, proxyCore, ports(29110), certs, { hop: 'HTTP/2' }));
  chains.push(await localmeshChain(dir, proxyCore, ports(29200)));
  chains.push(await localmeshChain(dir, proxyCore, ports(29210), { hop: 'pooled' }));
  if (values.rivals === 'all') {
    chains.push(await nginxChain(dir, proxyCore, ports(29400), certs));
    chains.push(await caddyChain(dir, proxyCore, ports(29500), certs));
  }
  chains.push(await httpProxyChain(dir, proxyCore, ports(29300), certs));
  const costs = await interleave(chains, { rounds, seconds }, (chain, time) => load(loadCore, chain.url, connections, time));
  const base = costs[0]?.microsPerRequest ?? Number.NaN;
  const rows = costs.map(({ chain, microsPerRequest, requestsPerSecond }) => [
    chain.name,
    microsPerRequest.toFixed(1),
    (microsPerRequest / base).toFixed(2),
    Math.round(requestsPerSecond).toString(),
  ]);
  const heading = ['two-hop mTLS chain', 'CPU µs per request', '× HAProxy', 'requests/s'];
  const arguments_ = process.argv
    .slice(2)
    .filter(argument => argument !== '--write')
    .map(each => ` ${each}`)
    .join('');
  const note = `${bytes} B answers, ${connections} keep-alive connections, ${rounds} interleaved rounds of ${seconds} s, medians; user + system CPU of both proxies; Node ${process.version}. Run: \`node bench/two-hop-chain.ts${arguments_} --write\`.`;
  for (const row of [heading, ...rows]) process.stdout.write(`${row.join('\t')}\n`);
  const name = `two-hop-${bytes}${connections === 64 ? '' : `-${connections}`}`;
  if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), name, heading, rows, note);
} finally {
  for (const chain of chains) await chain.stop();
  await backend.stop();
  rmSync(dir, { recursive: true, force: true });
}
