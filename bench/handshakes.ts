/**
 * New mTLS connections per CPU second of the server's side, ours against HAProxy, interleaved in one run. No session is taken up again.
 *
 *   node bench/handshakes.ts [--rounds 5] [--seconds 3] [--write]
 *
 * Needs haproxy, nginx, openssl and taskset. The client (`openssl s_time`) runs on core 0, the proxies on core 1.
 */
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createCsr } from '../src/identity/certificate-request.ts';
import { serviceId } from '../src/identity/spiffe-id.ts';
import { startBackend } from './chain/backend.ts';
import { makeCertificates } from './chain/certificates.ts';
import type { Chain } from './chain/chain.ts';
import { haproxyChain } from './chain/haproxy.ts';
import type { LoadResult } from './chain/load.ts';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { interleave } from './interleave.ts';
import { writeTable } from './table.ts';

const execute = promisify(execFile);
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
const dir = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
const [haproxyPorts, meshPorts] = [
  { front: 29700, back: 29701, backend: 29599 },
  { front: 29702, back: 29703, backend: 29599 },
];
const backend = await startBackend(dir, 0, ['127.0.0.1:29599', `${appAddress}:${meshPorts.back}`], 1024);
const chains: Chain[] = [];

/** A client of a server's side, as s_time wants it. */
interface Client {
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

async function handshakes({ port, cert, key, ca }: Client, time: number): Promise<LoadResult> {
  const args = [
    '-connect',
    `127.0.0.1:${port}`,
    '-new',
    '-time',
    String(time),
    '-tls1_3',
    '-cert',
    cert,
    '-key',
    key,
    '-CAfile',
    ca,
  ];
  const { stdout } = await execute('taskset', ['-c', '0', 'openssl', 's_time', ...args]);
  const requests = Number(/(\d+) connections in \d+ real seconds/.exec(stdout)?.[1]);
  if (!(requests >= 0)) throw new Error(`openssl said: ${stdout}`);
  return { requests, errors: 0 };
}

try {
  const certs = makeCertificates(dir);
  const haproxy = await haproxyChain(dir, 1, haproxyPorts, certs);
  chains.push(haproxy);
  const mesh = await localmeshChain(dir, 1, meshPorts);
  chains.push(mesh);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = serviceId(mesh.authority.trustDomain, 'default', 'client');
  const svid = await mesh.authority.issue(createCsr(privateKey, id), id);
  const written = (name: string, text: string): string => {
    const file = join(dir, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const clients = new Map<Chain, Client>([
    [haproxy, { port: haproxyPorts.back, ...certs }],
    [
      mesh,
      {
        port: meshPorts.back,
        cert: written('svid.pem', svid.chainPem),
        key: written('svid.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
        ca: written('bundle.pem', mesh.authority.bundlePem),
      },
    ],
  ]);
  const costs = await interleave(chains, { rounds, seconds, pids: chain => chain.pids.slice(0, 1) }, (chain, time) =>
    handshakes(clients.get(chain) as Client, time),
  );
  const perSecond = (micros: number): number => 1e6 / micros;
  const base = perSecond(costs[0]?.microsPerRequest ?? Number.NaN);
  const rows = costs.map(({ chain, microsPerRequest }) => [
    chain === haproxy ? 'HAProxy 2.6' : 'localmesh',
    Math.round(perSecond(microsPerRequest)).toString(),
    (perSecond(microsPerRequest) / base).toFixed(2),
  ]);
  const heading = ['new mTLS connections', 'per CPU second', '× HAProxy'];
  const note = `TLS 1.3, ECDSA P-256 on both sides, nothing resumed; user + system CPU of the server's side; ${rounds} interleaved rounds of ${seconds} s, medians; Node ${process.version}. Run: \`node bench/handshakes.ts --write\`.`;
  for (const row of [heading, ...rows]) process.stdout.write(`${row.join('\t')}\n`);
  if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'handshakes', heading, rows, note);
} finally {
  for (const chain of chains) await chain.stop();
  await backend.stop();
  rmSync(dir, { recursive: true, force: true });
}
