/** mesh.yaml is edited while a service is called: the real control plane, two real sidecars with mTLS, rules that take effect with the next request. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer as createHttpServer, request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { controlKeysIn } from '../../src/control/control-key.ts';
import { ControlPlane } from '../../src/control/control-plane.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';
import { Authority } from '../../src/pki/authority.ts';
import { pod } from '../control/mesh-builder.ts';
import { freePort } from '../proxy/data-plane-harness.ts';
import { type StartedSidecar, startOnLoopback } from '../proxy/sidecar-fixture.ts';
import { afterTest } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const directory = await mkdtemp(join(tmpdir(), 'mesh-access-'));
after(() => rm(directory, { recursive: true, force: true }));
const authority = await Authority.open({ directory, trustDomain: 'bookshop.local', clock: systemClock });
/** Its address in the pod; that of the pod is 127.0.0.1. */
const appAddress = '127.0.0.2';

interface Running {
  /** Where the caller's app dials. */
  readonly port: number;
  /** Saves mesh.yaml with these rules; resolves when every sidecar has them. */
  save(access: string): Promise<void>;
}

/** storefront calls reviews, whose app is `app`. */
async function start(app: Server, protocol: 'http' | 'tcp'): Promise<Running> {
  const port = await freePort();
  app.listen(port, appAddress);
  afterTest(() => app.close());
  const file = join(directory, `${protocol}.yaml`);
  const config = async (access: string) => {
    const services = `{reviews: {image: a, port: ${port}, protocol: ${protocol}}, storefront: {image: a}, mailer: {image: a}}`;
    await writeFile(file, `name: bookshop\nservices: ${services}\n${access}\n`);
    const { config: loaded, diagnostics } = await loadMesh({ file, env: {}, profiles: [], project: null });
    assert.ok(loaded, JSON.stringify(diagnostics));
    return loaded;
  };
  const sidecars = new Map<string, StartedSidecar>();
  const control = new ControlPlane({
    authority,
    clock: systemClock,
    random: Math.random,
    daemonVersion: 'test',
    readControlKeys: async workload => controlKeysIn(sidecars.get(workload)?.lines.join('\n') ?? ''),
  });
  afterTest(() => control.close());
  const virtual = (): string => control.snapshot('storefront-1')?.outbound[0]?.address ?? '';
  const launch = async (service: string, address: () => string, ports = {}) => {
    const options = { appAddress, ports, listening: [port] };
    const one = await startOnLoopback(service, authority, () => ({ address: address(), port }), options);
    afterTest(() => one.sidecar.drain(0));
    sidecars.set(`${service}-1`, one);
    return pod(service, '', service === 'reviews' ? 2 : 3, { address: '127.0.0.1', controlPort: one.sidecar.ports.control });
  };
  const pods = [await launch('reviews', () => '127.0.0.1', { inbound: port }), await launch('storefront', virtual)];
  control.setConfig(await config(''));
  control.setPods(pods);
  await Promise.all(pods.map(({ workload }) => control.whenReady(workload, AbortSignal.timeout(15_000))));
  await control.whenAppListening('reviews-1', port, AbortSignal.timeout(15_000));
  await control.settled();
  return {
    port: sidecars.get('storefront-1')?.sidecar.ports.outbound ?? 0,
    async save(access) {
      control.setConfig(await config(access));
      assert.deepEqual((await control.settled()).nacked, []);
    },
  };
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
