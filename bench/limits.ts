/**
 * What two sidecars hold under readers that do not read, servers that do not, connections that do nothing, and more work than they can do.
 *
 *   node bench/limits.ts [--readers 100] [--megabytes 100] [--idle 10000] [--only HTTP/1.1,HTTP/2,TCP,idle,overload] [--write]
 *
 * Two real sidecars under a real control plane, everything on 127.0.0.0/8. Overload needs wrk and nginx. `ulimit -n` has to allow two descriptors for each idle
 * connection.
 */
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createCsr } from '../src/identity/certificate-request.ts';
import { serviceId } from '../src/identity/spiffe-id.ts';
import { startBackend } from './chain/backend.ts';
import type { Spoken } from './chain/chain.ts';
import { appAddress, type LocalmeshChain, localmeshChain } from './chain/localmesh.ts';
import { spawnOn } from './chain/spawned.ts';
import { type Held, idleMtls, idlePlain, slowReaders, uploads } from './limits/clients.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    readers: { type: 'string', default: '100' },
    megabytes: { type: 'string', default: '100' },
    idle: { type: 'string', default: '10000' },
    only: { type: 'string', default: 'HTTP/1.1,HTTP/2,TCP,idle,overload' },
    write: { type: 'boolean', default: false },
  },
});
const [readers, megabytes, idle] = [values.readers, values.megabytes, values.idle].map(Number) as [number, number, number];
const bytes = megabytes * 1024 * 1024;
const dir = mkdtempSync(join(tmpdir(), 'mesh-limits-'));
const page = join(import.meta.dirname, '..', 'docs', 'benchmarks.md');
const rows: string[][] = [];
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

/** Milliseconds of one request, or why it failed. */
const once = (port: number): Promise<number | string> =>
  new Promise(resolve => {
    const started = performance.now();
    const sent = get({ port, path: '/1024', agent: false, timeout: 10_000 }, answer => {
      answer.resume().on('end', () => resolve(answer.statusCode === 200 ? performance.now() - started : `${answer.statusCode}`));
      answer.on('error', error => resolve(error.message));
    });
    sent.on('error', error => resolve(error.message)).on('timeout', () => sent.destroy(new Error('no answer in 10 s')));
  });

function row(...cells: string[]): void {
  rows.push(cells);
  process.stdout.write(`${cells.join('\t')}\n`);
}

function rss(chain: LocalmeshChain): readonly [server: number, client: number] {
  const [server = 0, client = 0] = chain.pids.map(
    pid => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024,
  );
  return [server, client];
}

/** Resident memory with the clients there against without them, after it has settled. */
async function grown(chain: LocalmeshChain, name: string, open: () => Held): Promise<void> {
  const before = rss(chain);
  const clients = open();
  await pause(5_000);
  const after = rss(chain);
  const mb = (at: 0 | 1): string => `+${(after[at] - before[at]).toFixed(0)} MB`;
  row(`${clients.open} ${name}`, mb(1), mb(0), '≤ +120 MB');
  clients.letGo();
}

async function each(chain: LocalmeshChain, name: string, open: () => Promise<Held>): Promise<void> {
  const before = rss(chain);
  const clients = await open();
  await pause(2_000);
  const after = rss(chain);
  const count = clients.open;
  const kib = (at: 0 | 1): string => (((after[at] - before[at]) * 1024) / count).toFixed(1);
  row(`${count} ${name}, KiB each`, kib(1), kib(0), '≤ 90');
  clients.letGo();
}

const identityOf = async ({ authority }: LocalmeshChain): Promise<{ key: string; cert: string; ca: string }> => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = serviceId(authority.trustDomain, 'default', 'client');
  const { chainPem: cert } = await authority.issue(createCsr(privateKey, id), id);
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert, ca: authority.bundlePem };
};

/** Each row on sidecars of its own: memory that was used once is seldom given back. */
async function fresh(spoken: Spoken, act: (chain: LocalmeshChain, front: number, back: number) => Promise<void>): Promise<void> {
  const ports = { front: 29400, back: 29401, backend: 29401 };
  const program = join(import.meta.dirname, 'limits', 'backend.ts');
  const backend = spawnOn(0, process.execPath, [program, spoken, appAddress, String(ports.back)]);
  const chain = await localmeshChain(dir, 1, ports, { spoken });
  try {
    if (spoken === 'TCP') (await idlePlain(ports.front, 200, '1\n')).letGo();
    else for (let i = 0; i < 200; i++) await once(ports.front);
    await act(chain, ports.front, ports.back);
  } finally {
    await chain.stop();
    await backend.stop();
  }
}

async function held(spoken: Spoken): Promise<void> {
  const kinds = { 'HTTP/1.1': ['HTTP/1.1', 'WebSocket'], 'HTTP/2': ['HTTP/2', 'gRPC'], TCP: ['TCP'] } as const;
  for (const kind of kinds[spoken]) {
    await fresh(spoken, (chain, front) =>
      grown(chain, `readers of ${megabytes} MB that do not read, ${kind}`, () => slowReaders(front, kind, readers, bytes)),
    );
    await fresh(spoken, (chain, front) =>
      grown(chain, `uploads to a server that does not read, ${kind}`, () => uploads(front, kind, readers)),
    );
  }
  if (spoken === 'HTTP/2')
    await fresh(spoken, (chain, front) =>
      grown(chain, `readers of 10 × ${megabytes} MB that do not read, HTTP/2`, () =>
        slowReaders(front, 'HTTP/2', readers / 10, bytes, 10),
      ),
    );
}

async function idling(): Promise<void> {
  const request = 'GET /10 HTTP/1.1\r\nHost: app\r\n\r\n';
  await fresh('HTTP/1.1', (chain, front) => each(chain, 'idle connections of the app', () => idlePlain(front, idle, request)));
  await fresh('HTTP/1.1', (chain, _, back) =>
    each(chain, 'idle mTLS connections of peers', async () => idleMtls(back, idle, await identityOf(chain))),
  );
  await fresh('TCP', (chain, front) =>
    each(chain, 'idle TCP connections, a tunnel stream each', () => idlePlain(front, idle, '1\n')),
  );
}

interface Load {
  readonly answers: number;
  readonly refused: number;
  readonly p50: string;
  readonly p99: string;
}

async function wrk(port: number, connections: number, seconds: number): Promise<Load> {
  const args = [
    '-c',
    '0',
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--latency',
    '--timeout',
    '30s',
    `http://127.0.0.1:${port}/`,
  ];
  const { stdout } = await promisify(execFile)('taskset', args);
  const found = (pattern: RegExp): string => pattern.exec(stdout)?.[1] ?? '0';
  const refused = Number(found(/Non-2xx or 3xx responses: (\d+)/));
  return {
    answers: (Number(found(/(\d+) requests in/)) - refused) / seconds,
    refused: refused / seconds,
    p50: found(/^\s+50%\s+(\S+)$/m),
    p99: found(/^\s+99%\s+(\S+)$/m),
  };
}

/** Ever more connections that all want an answer at once; and how soon a request is served in time again afterwards. */
async function overload(): Promise<void> {
  const ports = { front: 29440, back: 29441, backend: 29442 };
  const backend = await startBackend(dir, 0, [`127.0.0.1:${ports.backend}`, `${appAddress}:${ports.back}`], 1024);
  const chain = await localmeshChain(dir, 1, ports);
  const table: string[][] = [];
  try {
    await wrk(ports.front, 64, 3);
    for (const connections of [64, 1_000, 4_000, 8_000]) {
      const before = rss(chain);
      const load = await wrk(ports.front, connections, connections === 64 ? 4 : 10);
      const ended = performance.now();
      let took = await once(ports.front);
      while (typeof took === 'string' || took > 100) took = await once(ports.front);
      const recovered = performance.now() - ended;
      const after = rss(chain);
      const mb = `+${(after[1] - before[1]).toFixed(0)} / +${(after[0] - before[0]).toFixed(0)} MB`;
      table.push([
        `${connections}`,
        load.answers.toFixed(0),
        load.refused.toFixed(0),
        load.p50,
        load.p99,
        mb,
        `${recovered.toFixed(0)} ms`,
      ]);
      process.stdout.write(`${table.at(-1)?.join('\t')}\n`);
    }
  } finally {
    await chain.stop();
    await backend.stop();
  }
  const heading = [
    'connections that never wait',
    'answers/s',
    '503/s',
    'p50',
    'p99',
    'memory client / server',
    'in time again after',
  ];
  const note = `wrk for 10 s, both sidecars on one core; Node ${process.version}. Run: \`node bench/limits.ts --only overload --write\`.`;
  if (values.write) writeTable(page, 'overload', heading, table, note);
}

try {
  const only = values.only.split(',');
  for (const spoken of ['HTTP/1.1', 'HTTP/2', 'TCP'] as const) if (only.includes(spoken)) await held(spoken);
  if (only.includes('idle')) await idling();
  if (only.includes('overload')) await overload();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
const heading = ['what is held', 'client’s sidecar', 'server’s sidecar', 'wanted'];
const note = `Resident memory against the same two sidecars after 200 requests; Node ${process.version}. Run: \`node bench/limits.ts --write\`.`;
if (values.write && rows.length > 0) writeTable(page, 'limits', heading, rows, note);
