/**
 * What two sidecars hold under readers that do not read, connections that do nothing and more work than they can do.
 *
 *   node bench/limits.ts [--readers 100] [--megabytes 100] [--idle 10000] [--write]
 *
 * Two real sidecars under a real control plane, everything on 127.0.0.0/8.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { appAddress, localmeshChain } from './chain/localmesh.ts';
import { rawBackend } from './chain/raw-backend.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    readers: { type: 'string', default: '100' },
    megabytes: { type: 'string', default: '100' },
    idle: { type: 'string', default: '10000' },
    write: { type: 'boolean', default: false },
  },
});
const [readers, megabytes, idle] = [values.readers, values.megabytes, values.idle].map(Number) as [number, number, number];

const dir = mkdtempSync(join(tmpdir(), 'mesh-limits-'));
const backend = await rawBackend(appAddress, 29401);
const chain = await localmeshChain(dir, 1, { front: 29400, back: 29401, backend: 29401 });
const rows: (readonly string[])[] = [];
const rss = (): number[] =>
  chain.pids.map(pid => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024);
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));
const note = (name: string, before: readonly number[], after: readonly number[], wanted: string): void => {
  const grown = after.map((value, at) => `+${(value - (before[at] ?? 0)).toFixed(0)}`);
  rows.push([name, `${grown[1]} MB`, `${grown[0]} MB`, wanted]);
  process.stdout.write(`${rows.at(-1)?.join('\t')}\n`);
};
/** Milliseconds of one request, or why it failed. */
const once = (path: string): Promise<number | string> =>
  new Promise(resolve => {
    const started = performance.now();
    get({ port: 29400, path, agent: false }, answer => {
      answer.resume().on('end', () => resolve(answer.statusCode === 200 ? performance.now() - started : `${answer.statusCode}`));
      answer.on('error', error => resolve(error.message));
    }).on('error', error => resolve(error.message));
  });

try {
  for (let i = 0; i < 200; i++) await once('/1024');

  // Readers that take the head and nothing more.
  let before = rss();
  const slow: Socket[] = [];
  for (let i = 0; i < readers; i++) {
    const socket = connect(29400, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET /${megabytes * 1024 * 1024} HTTP/1.1\r\nHost: app\r\n\r\n`);
    socket.once('data', () => socket.pause());
    slow.push(socket);
  }
  await pause(5_000);
  const meanwhile = await once('/1024');
  note(`${readers} readers of ${megabytes} MB that do not read`, before, rss(), '≤ +120 MB');
  process.stdout.write(`a request meanwhile: ${meanwhile}\n`);
  for (const socket of slow) socket.destroy();
  await pause(2_000);

  // Uploads to a server that is never asked to read: the body waits for the request's answer.
  before = rss();
  const piece = Buffer.alloc(1024 * 1024);
  const uploads = Array.from({ length: readers }, () => {
    const upload = request({ port: 29400, path: '/slow/600000', method: 'POST', agent: false });
    upload.on('error', () => {});
    for (let i = 0; i < Math.min(megabytes, 8); i++) upload.write(piece);
    return upload;
  });
  await pause(4_000);
  note(`${readers} uploads of ${Math.min(megabytes, 8)} MB to a slow server`, before, rss(), '≤ +120 MB');
  for (const upload of uploads) upload.destroy();
  await pause(2_000);

  // Connections that do nothing.
  before = rss();
  const sleepers: Socket[] = [];
  while (sleepers.length < idle) {
    await Promise.all(
      Array.from({ length: Math.min(200, idle - sleepers.length) }, async () => {
        const socket = connect({ port: 29400, host: '127.0.0.1', localAddress: `127.0.0.${2 + (sleepers.length % 200)}` });
        socket.on('error', () => {});
        sleepers.push(socket);
        await new Promise<void>(resolve => {
          socket.once('connect', () => {
            socket.write('GET /10 HTTP/1.1\r\nHost: app\r\n\r\n');
            socket.once('data', () => resolve());
          });
          socket.once('close', () => resolve());
        });
      }),
    );
  }
  await pause(2_000);
  const after = rss();
  const open = sleepers.filter(socket => !socket.destroyed).length;
  const each = after.map((value, at) => ((value - (before[at] ?? 0)) * 1024) / open);
  rows.push([`${open} idle connections of the app, KiB each`, (each[1] ?? 0).toFixed(1), (each[0] ?? 0).toFixed(1), '≤ 90']);
  process.stdout.write(`${rows.at(-1)?.join('\t')}\n`);
  for (const socket of sleepers) socket.destroy();
} finally {
  await chain.stop();
  backend.closeAllConnections();
  backend.close();
  rmSync(dir, { recursive: true, force: true });
}
const heading = ['what is held', 'client’s sidecar', 'server’s sidecar', 'wanted'];
const text = `Resident memory against the same two sidecars after 200 requests; Node ${process.version}. Run: \`node bench/limits.ts --write\`.`;
if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'limits', heading, rows, text);
