/**
 * Latency that the two-hop mTLS chain adds at a modest fixed rate, ours against HAProxy and the backend alone, interleaved in one run.
 *
 *   node bench/latency.ts [--rounds 5] [--seconds 4] [--rate 1000] [--write]
 *
 * Needs haproxy, nginx, h2load, openssl and taskset. Load and backend run on core 0, the proxies on core 1.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { startBackend } from './chain/backend.ts';
import { makeCertificates } from './chain/certificates.ts';
import type { Chain } from './chain/chain.ts';
import { haproxyChain } from './chain/haproxy.ts';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { median, percentile } from './median.ts';
import { writeTable } from './table.ts';

const execute = promisify(execFile);
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    rate: { type: 'string', default: '1000' },
    write: { type: 'boolean', default: false },
  },
});
const [rounds, seconds, rate] = [Number(values.rounds), Number(values.seconds), Number(values.rate)];
const connections = 20;
const dir = mkdtempSync(join(tmpdir(), 'mesh-bench-'));
const backendPort = 29599;
const backend = await startBackend(dir, 0, [`127.0.0.1:${backendPort}`, `${appAddress}:29713`], 1024);

/** Microseconds of each request. @throws when one failed */
async function latencies(url: string, time: number): Promise<number[]> {
  const file = join(dir, 'requests.log');
  rmSync(file, { force: true });
  const args = ['--h1', '-t1', `-c${connections}`, `--rps=${rate / connections}`, '-D', String(time), `--log-file=${file}`, url];
  await execute('taskset', ['-c', '0', 'h2load', ...args], { maxBuffer: 1 << 26 });
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => {
      const [, status, micros] = line.split('\t').map(Number);
      if (status !== 200) throw new Error(`${url} answered ${status}`);
      return micros ?? Number.NaN;
    });
}

const chains: Chain[] = [];
try {
  chains.push(await haproxyChain(dir, 1, { front: 29710, back: 29711, backend: backendPort }, makeCertificates(dir)));
  chains.push(await localmeshChain(dir, 1, { front: 29712, back: 29713, backend: backendPort }));
  const ways = [
    { name: 'backend alone', url: `http://127.0.0.1:${backendPort}/` },
    ...chains.map(({ name, url }) => ({ name, url })),
  ].map(way => ({ ...way, p50: [] as number[], p99: [] as number[] }));
  for (const way of ways) await latencies(way.url, 5);
  for (let round = 1; round <= rounds; round++) {
    for (const way of ways) {
      const micros = await latencies(way.url, seconds);
      way.p50.push(percentile(micros, 0.5));
      way.p99.push(percentile(micros, 0.99));
    }
    process.stderr.write(`round ${round} of ${rounds}\n`);
  }
  const [alone, haproxy] = ways.map(({ p50, p99 }) => ({ p50: median(p50), p99: median(p99) }));
  const rows = ways.map(({ name, p50, p99 }) => {
    const [added50, added99] = [median(p50) - (alone?.p50 ?? 0), median(p99) - (alone?.p99 ?? 0)];
    const ratio = added99 / ((haproxy?.p99 ?? 0) - (alone?.p99 ?? 0));
    return [name, median(p50), median(p99), added50, added99]
      .map(cell => (typeof cell === 'number' ? cell.toFixed(0) : cell))
      .concat(ratio.toFixed(2));
  });
  const heading = ['µs', 'p50', 'p99', 'added p50', 'added p99', '× HAProxy'];
  const note = `${rate} requests per second over ${connections} connections, 1 KiB answers, HTTP/1.1; ${rounds} interleaved rounds of ${seconds} s, medians of each round's percentiles; Node ${process.version}. Run: \`node bench/latency.ts --write\`.`;
  for (const row of [heading, ...rows]) process.stdout.write(`${row.join('\t')}\n`);
  if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'latency', heading, rows, note);
} finally {
  for (const chain of chains) await chain.stop();
  await backend.stop();
  rmSync(dir, { recursive: true, force: true });
}
