/** A service changes its mTLS mode while it is called: the real control plane, two real sidecars, and no call that fails. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer as createHttpServer, request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { Authority } from '../../src/pki/authority.ts';
import type { MtlsMode } from '../../src/snapshot/snapshot.ts';
import { mesh } from '../control/mesh-builder.ts';
import { afterTest } from '../support/after-test.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { startPair } from './called-pair.ts';

const directory = await mkdtemp(join(tmpdir(), 'mesh-modes-'));
after(() => rm(directory, { recursive: true, force: true }));
const authority = await Authority.open({ directory, trustDomain: 'bookshop.local', clock: systemClock });

interface Running {
  /** Where the caller's app dials. */
  readonly port: number;
  /** Puts the mode in force, to the last step. */
  use(mtls: MtlsMode): Promise<void>;
}

async function start(app: Server, protocol: 'http' | 'tcp'): Promise<Running> {
  const config = (appPort: number, mtls: MtlsMode) =>
    mesh({ services: { reviews: { ports: [{ port: appPort, protocol }], mtls }, storefront: { ports: [] } } });
  const { control, port, appPort, use } = await startPair(app, authority, appPort => config(appPort, 'strict'));
  return {
    port,
    async use(mtls) {
      await use(config(appPort, mtls));
      const inbound = control.snapshot('reviews-1')?.inbound[0];
      assert.equal(inbound?.mtls, mtls, 'the mode is in force when the mesh has settled');
    },
  };
}

const journey: readonly MtlsMode[] = [
  'disabled',
  'strict',
  'permissive',
  'disabled',
  'permissive',
  'strict',
  'disabled',
  'strict',
];

test('no request fails while the mode changes', async () => {
  const seen = new Set<string>();
  const app = createHttpServer((incoming, answer) => {
    seen.add(incoming.headers['x-forwarded-client-cert'] === undefined ? 'plain' : 'mtls');
    incoming.resume().on('end', () => answer.end('ok'));
  });
  const { port, use } = await start(app, 'http');
  const kept = new Agent({ keepAlive: true });
  afterTest(() => kept.destroy());
  let sent = 0;
  const call = (): Promise<string | null> =>
    new Promise((resolve, reject) => {
      sent++;
      const post = sent % 3 === 0;
      const options = { port, host: '127.0.0.1', agent: sent % 2 === 0 ? kept : false, method: post ? 'POST' : 'GET' } as const;
      const asked = request({ ...options, headers: { host: 'reviews' } }, answer => {
        answer.resume().on('end', () => resolve(answer.statusCode === 200 ? null : `${options.method} ${answer.statusCode}`));
      });
      asked.on('error', reject).end(post ? 'x'.repeat(100) : undefined);
    });
  await using load = new SteadyLoad(8, call);
  await load.more(50);
  for (const mode of journey) {
    await use(mode);
    seen.clear();
    await load.more(50);
    // Those that were under way when it settled went as before.
    assert.ok(seen.has(mode === 'disabled' ? 'plain' : 'mtls'), `${mode}: ${[...seen]}`);
  }
  await load.stop();
  assert.deepEqual(load.failures, []);
});

test('no raw connection fails while the mode changes, and those that are open live on', async () => {
  const app = createServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}).pipe(socket));
  const { port, use } = await start(app, 'tcp');
  const echo = (): Promise<string | null> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      let heard = '';
      socket.on('data', chunk => {
        heard += chunk;
      });
      socket.on('error', reject).on('close', () => resolve(heard === 'hello' ? null : `heard ${JSON.stringify(heard)}`));
      socket.end('hello');
    });
  await using load = new SteadyLoad(8, echo);
  await load.more(50);
  for (const mode of journey) {
    await use(mode);
    await load.more(50);
  }
  await load.stop();
  assert.deepEqual(load.failures, []);
});
