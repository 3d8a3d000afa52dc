/** mesh.yaml is edited while a service is called: the real control plane, two real sidecars with mTLS, rules that take effect with the next request. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer as createHttpServer, request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';
import { Authority } from '../../src/pki/authority.ts';
import { afterTest } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { startPair } from './called-pair.ts';

const directory = await mkdtemp(join(tmpdir(), 'mesh-access-'));
after(() => rm(directory, { recursive: true, force: true }));
const authority = await Authority.open({ directory, trustDomain: 'bookshop.local', clock: systemClock });
interface Running {
  /** Where the caller's app dials. */
  readonly port: number;
  /** Saves mesh.yaml with these rules; resolves when every sidecar has them. */
  save(access: string): Promise<void>;
}

async function start(app: Server, protocol: 'http' | 'tcp'): Promise<Running> {
  const file = join(directory, `${protocol}.yaml`);
  const config = async (appPort: number, access: string) => {
    const services = `{reviews: {image: a, port: ${appPort}, protocol: ${protocol}}, storefront: {image: a}, mailer: {image: a}}`;
    await writeFile(file, `name: bookshop\nservices: ${services}\n${access}\n`);
    const { config: loaded, diagnostics } = await loadMesh({ file, env: {}, profiles: [], project: null });
    assert.ok(loaded, JSON.stringify(diagnostics));
    return loaded;
  };
  const { port, appPort, use } = await startPair(app, authority, appPort => config(appPort, ''));
  return { port, save: async access => use(await config(appPort, access)) };
}

const allowed = 'access: [{from: storefront, to: reviews}]';
const refused = 'access: [{from: mailer, to: reviews}]';

test('requests on connections that are kept are judged by the rules of the moment', async () => {
  const { port, save } = await start(
    createHttpServer((_, answer) => answer.end('ok')),
    'http',
  );
  const kept = new Agent({ keepAlive: true });
  afterTest(() => kept.destroy());
  let expected: readonly number[] = [200];
  const call = (): Promise<string | null> => {
    const began = expected;
    return new Promise((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', agent: kept, path: '/a', headers: { host: 'reviews' } }, answer => {
        const status = answer.statusCode ?? 0;
        // What was under way while the rules changed may go either way.
        answer.resume().on('end', () => resolve(began.includes(status) || expected.includes(status) ? null : `${status}`));
      });
      asked.on('error', reject).end();
    });
  };
  const change = async (access: string, status: number): Promise<void> => {
    expected = [200, 403];
    await save(access);
    expected = [status];
    await load.more(50);
  };
  await using load = new SteadyLoad(4, call);
  await load.more(20);
  for (const [access, status] of [
    [allowed, 200],
    [refused, 403],
    [allowed, 200],
    ['access: [{from: storefront, to: reviews}, {action: deny, to: reviews, paths: [/a*]}]', 403],
    ['access: [{from: storefront, to: reviews}, {action: deny, to: reviews, paths: [/a*], dryRun: true}]', 200],
  ] as const)
    await change(access, status);
  await load.stop();
  assert.deepEqual(load.failures, []);
});

test('raw connections end when their caller is refused, and only then', async () => {
  const { port, save } = await start(
    createServer(socket => socket.on('error', () => {}).pipe(socket)),
    'tcp',
  );
  await save(allowed);
  const socket = connect({ port, host: '127.0.0.1' });
  afterTest(() => socket.destroy());
  let heard = '';
  let closed = false;
  socket.on('data', chunk => {
    heard += chunk;
  });
  socket
    .on('error', () => {})
    .on('close', () => {
      closed = true;
    });
  socket.write('a');
  await eventually(() => assert.equal(heard, 'a'));
  await save('access: [{from: [storefront, mailer], to: reviews}]');
  socket.write('b');
  await eventually(() => assert.equal(heard, 'ab'));
  assert.ok(!closed);
  await save(refused);
  await eventually(() => assert.ok(closed));
});
