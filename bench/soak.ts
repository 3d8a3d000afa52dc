/**
 * Mixed load on two sidecars for as long as asked, and whether anything grows: resident memory and descriptors of both, sampled every ten seconds.
 *
 *   node bench/soak.ts [--minutes 60]
 *
 * Small and large answers, uploads, answers cut off by the client, HTTP/2 and a slow reader, on 127.0.0.0/8. Ends with 1 when a request failed that nobody
 * cut off, or when the last third needs over a tenth more memory, or more descriptors, than the second.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { rawBackend } from './chain/raw-backend.ts';
import { median } from './median.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' } } });
const until = Date.now() + Number(values.minutes) * 60_000;
const front = 29500;
const dir = mkdtempSync(join(tmpdir(), 'mesh-soak-'));
const backend = await rawBackend(appAddress, 29501);
const chain = await localmeshChain(dir, 1, { front, back: 29501, backend: 29501 });
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
const failures = new Map<string, number>();
let done = 0;

/** One exchange; resolves when it is over. `cut`: the client goes away in the middle. */
function exchange(path: string, { method = 'GET', body = Buffer.alloc(0), cut = false } = {}): Promise<void> {
  return new Promise(resolve => {
    const over = (failure: string | null): void => {
      done++;
      if (failure !== null && !cut) failures.set(failure, (failures.get(failure) ?? 0) + 1);
      resolve();
    };
    const outgoing = request({ port: front, path, method, agent, headers: { 'content-length': body.length } }, answer => {
      if (cut) {
        answer.once('data', () => outgoing.destroy());
        answer.once('close', () => over(null));
      } else answer.resume().on('end', () => over(answer.statusCode === 200 ? null : `${answer.statusCode}`));
      answer.on('error', error => over(error.message));
    });
    outgoing.on('error', error => over(error.message));
    outgoing.end(body);
  });
}

/** A batch of streams on one HTTP/2 connection. */
function overHttp2(): Promise<void> {
  return new Promise(resolve => {
    const session = connectHttp2(`http://127.0.0.1:${front}`);
    let open = 20;
    session.on('error', error => {
      failures.set(error.message, (failures.get(error.message) ?? 0) + 1);
      resolve();
    });
    for (let i = 0; i < 20; i++) {
      const stream = session.request({ ':path': `/${i * 1000}` });
      stream.on('error', () => {});
      stream.resume().on('close', () => {
        done++;
        if (stream.rstCode !== 0) failures.set(`rst ${stream.rstCode}`, (failures.get(`rst ${stream.rstCode}`) ?? 0) + 1);
        if (--open === 0) session.close(() => resolve());
      });
    }
  });
}

const worker = async (act: () => Promise<void>): Promise<void> => {
  while (Date.now() < until) await act();
};
const small = Array.from({ length: 16 }, () => worker(() => exchange('/1024')));
const mixed = [
  worker(() => exchange('/1048576')),
  worker(() => exchange('/0', { method: 'POST', body: Buffer.alloc(256 * 1024) })),
  worker(() => exchange('/4194304', { cut: true })),
  worker(overHttp2),
];

interface Sample {
  readonly rssMb: readonly number[];
  readonly fds: readonly number[];
}
const samples: Sample[] = [];
const timer = setInterval(() => {
  const rssMb = chain.pids.map(
    pid => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024,
  );
  const fds = chain.pids.map(pid => readdirSync(`/proc/${pid}/fd`).length);
  samples.push({ rssMb, fds });
  process.stdout.write(`${done} done, rss ${rssMb.map(Math.round).join(' / ')} MB, descriptors ${fds.join(' / ')}\n`);
}, 10_000);
await Promise.all([...small, ...mixed]);
clearInterval(timer);
await chain.stop();
agent.destroy();
backend.closeAllConnections();
backend.close();
rmSync(dir, { recursive: true, force: true });

const third = Math.floor(samples.length / 3);
const part = (from: number, to: number, pick: (sample: Sample) => number): number => median(samples.slice(from, to).map(pick));
let grows = false;
for (const at of [0, 1]) {
  const rss = [
    part(third, 2 * third, each => each.rssMb[at] ?? 0),
    part(2 * third, samples.length, each => each.rssMb[at] ?? 0),
  ] as const;
  const fds = [
    part(third, 2 * third, each => each.fds[at] ?? 0),
    part(2 * third, samples.length, each => each.fds[at] ?? 0),
  ] as const;
  if (rss[1] > rss[0] * 1.1 || fds[1] > fds[0] + 8) grows = true;
  process.stdout.write(
    `${at === 0 ? 'server' : 'client'}’s sidecar: ${rss.map(Math.round).join(' → ')} MB, ${fds.join(' → ')} descriptors\n`,
  );
}
process.stdout.write(`${done} exchanges, failures: ${JSON.stringify(Object.fromEntries(failures))}\n`);
process.exitCode = grows || failures.size > 0 ? 1 : 0;
