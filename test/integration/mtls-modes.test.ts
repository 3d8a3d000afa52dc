/** A service changes its mTLS mode while it is called: the real control plane, two real sidecars, and no call that fails. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer as createHttpServer, request } from 'node:http';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { controlKeysIn } from '../../src/control/control-key.ts';
import { ControlPlane } from '../../src/control/control-plane.ts';
import { Authority } from '../../src/pki/authority.ts';
import type { Destination } from '../../src/proxy/interception/original-destination.ts';
import type { MtlsMode } from '../../src/snapshot/snapshot.ts';
import { mesh, pod } from '../control/mesh-builder.ts';
import { freePort } from '../proxy/data-plane-harness.ts';
import { type StartedSidecar, startOnLoopback } from '../proxy/sidecar-fixture.ts';
import { afterTest } from '../support/after-test.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const directory = await mkdtemp(join(tmpdir(), 'mesh-modes-'));
after(() => rm(directory, { recursive: true, force: true }));
const authority = await Authority.open({ directory, trustDomain: 'bookshop.local', clock: systemClock });

/** Its address in the pod; that of the pod is 127.0.0.1. */
const appAddress = '127.0.0.2';

interface Running {
  readonly control: ControlPlane;
  /** Where the caller's app dials. */
  readonly port: number;
  /** Puts the mode in force, to the last step. */
  use(mtls: MtlsMode): Promise<void>;
}

/** storefront calls reviews, whose app is `app`. */
async function start(app: Server, protocol: 'http' | 'tcp'): Promise<Running> {
  const port = await freePort();
  app.listen(port, appAddress);
  afterTest(() => app.close());
  const config = (mtls: MtlsMode) =>
    mesh({ services: { reviews: { ports: [{ port, protocol }], mtls }, storefront: { ports: [] } } });
  const sidecars = new Map<string, StartedSidecar>();
  const control = new ControlPlane({
    authority,
    clock: systemClock,
    random: Math.random,
    daemonVersion: 'test',
    readControlKeys: async workload => controlKeysIn(sidecars.get(workload)?.lines.join('\n') ?? ''),
  });
  afterTest(() => control.close());
  const launch = async (service: string, to: () => Destination, ports = {}): Promise<number> => {
    const one = await startOnLoopback(service, authority, to, { appAddress, ports, listening: [port] });
    afterTest(() => one.sidecar.drain(0));
    sidecars.set(`${service}-1`, one);
    return one.sidecar.ports.control;
  };
  const virtual = (): string => control.snapshot('storefront-1')?.outbound[0]?.address ?? '';
  const at = { address: '127.0.0.1' };
  const pods = [
    pod('reviews', '', 2, {
      ...at,
      controlPort: await launch('reviews', () => ({ address: '127.0.0.1', port }), { inbound: port }),
    }),
    pod('storefront', '', 3, { ...at, controlPort: await launch('storefront', () => ({ address: virtual(), port })) }),
  ];
  control.setConfig(config('strict'));
  control.setPods(pods);
  await Promise.all(pods.map(({ workload }) => control.whenReady(workload, AbortSignal.timeout(15_000))));
  await control.whenAppListening('reviews-1', port, AbortSignal.timeout(15_000));
  await control.settled();
  const client = sidecars.get('storefront-1');
  assert.ok(client);
  return {
    control,
    port: client.sidecar.ports.outbound,
    async use(mtls) {
      control.setConfig(config(mtls));
      const { nacked } = await control.settled();
      assert.deepEqual(nacked, []);
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
