/** The real ends of the control channel on one machine: the daemon's control plane and the sidecar's server, keys and renewal. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { controlKeysIn } from '../../src/control/control-key.ts';
import { type ControlEvent, ControlPlane } from '../../src/control/control-plane.ts';
import { serviceId } from '../../src/identity/spiffe-id.ts';
import { Authority } from '../../src/pki/authority.ts';
import { ControlServer } from '../../src/proxy/control/control-server.ts';
import { decodeDaemonMessage } from '../../src/proxy/control/message.ts';
import { Renewal } from '../../src/proxy/control/renewal.ts';
import { WorkloadIdentity } from '../../src/proxy/tls/workload-identity.ts';
import { protocolVersion } from '../../src/snapshot/channel.ts';
import { decodeSnapshot } from '../../src/snapshot/decode.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { mesh, pod } from '../control/mesh-builder.ts';
import { eventually } from '../support/eventually.ts';

const trustDomain = 'bookshop.local';
const directory = await mkdtemp(join(tmpdir(), 'mesh-channel-'));
const authority = await Authority.open({ directory, trustDomain, clock: systemClock });
after(() => rm(directory, { recursive: true, force: true }));

/** The parts of a sidecar that the channel needs, put together as the sidecar does. */
class SmallSidecar {
  readonly identity = new WorkloadIdentity(systemClock);
  readonly serials = new Set<string>();
  readonly log: string[] = [];
  snapshot: Snapshot | null = null;
  readonly #server: ControlServer;
  readonly #renewal: Renewal;

  constructor(workload: string, service: string, trustBundlePem: string) {
    this.#server = new ControlServer({
      workload,
      trustDomain,
      trustBundlePem,
      clock: systemClock,
      log: createLog('test', () => undefined),
      print: line => this.log.push(line),
      onConnected: () => {
        const svidExpiresAtMs = this.identity.svid?.expiresAtMs ?? null;
        const version = this.snapshot?.version ?? null;
        this.#server.send({ kind: 'hello', protocol: protocolVersion, workload, version, svidExpiresAtMs, apps: [] });
        this.#renewal.connected();
      },
      onMessage: message => this.#take(message),
    });
    this.#renewal = new Renewal({
      spiffeId: serviceId(trustDomain, 'default', service),
      identity: this.identity,
      clock: systemClock,
      random: Math.random,
      request: pem => {
        if (!this.#server.connected) return false;
        this.#server.send({ kind: 'csr', pem });
        return true;
      },
    });
  }

  listen(): Promise<number> {
    return this.#server.listen('127.0.0.1', 0);
  }

  close(): void {
    this.#renewal.stop();
    this.#server.close();
  }

  #take(value: unknown): void {
    const message = decodeDaemonMessage(value);
    if (message.kind === 'ping') this.#server.send({ kind: 'pong', id: message.id });
    if (message.kind === 'svid') {
      this.#renewal.accept(message.chainPem, message.bundlePem);
      this.serials.add(new X509Certificate(message.chainPem).serialNumber);
    }
    if (message.kind === 'snapshot') {
      this.snapshot = decodeSnapshot(message.snapshot);
      this.#server.send({ kind: 'ack', version: this.snapshot.version });
    }
  }
}

function plane(sidecar: SmallSidecar, from: Authority, svidTtlMs?: number): { control: ControlPlane; events: ControlEvent[] } {
  const control = new ControlPlane({
    authority: from,
    clock: systemClock,
    random: Math.random,
    daemonVersion: 'test',
    readControlKeys: async () => controlKeysIn(sidecar.log.join('\n')),
    ...(svidTtlMs === undefined ? {} : { svidTtlMs }),
  });
  const events: ControlEvent[] = [];
  control.on(event => events.push(event));
  control.setConfig(mesh({ services: { a: {} } }));
  return { control, events };
}

test('the two ends know each other, and a daemon that comes back pushes nothing', async () => {
  const sidecar = new SmallSidecar('a-1', 'a', authority.bundlePem);
  const port = await sidecar.listen();
  const first = plane(sidecar, authority);
  first.control.setPods([pod('a', '', 2, { controlPort: port, app: 'absent' })]);
  await first.control.whenReady('a-1', AbortSignal.timeout(15_000));
  await eventually(() => assert.equal(sidecar.identity.gap, null));
  assert.equal(sidecar.identity.svid?.spiffeId, serviceId(trustDomain, 'default', 'a'));
  const running = sidecar.snapshot;
  first.control.close();

  const second = plane(sidecar, authority);
  second.control.setPods([pod('a', '', 2, { controlPort: port, app: 'absent' })]);
  await second.control.whenReady('a-1', AbortSignal.timeout(15_000));
  await second.control.settled();
  assert.equal(sidecar.snapshot, running, 'the very object: nothing was sent');
  assert.equal(second.control.status()[0]?.sync, 'SYNCED');
  assert.equal(sidecar.serials.size, 1, 'its SVID was good for long');
  second.control.close();
  sidecar.close();
});

test('SVIDs are renewed again and again on one connection', async () => {
  const sidecar = new SmallSidecar('a-1', 'a', authority.bundlePem);
  const port = await sidecar.listen();
  const { control, events } = plane(sidecar, authority, 3000);
  control.setPods([pod('a', '', 2, { controlPort: port, app: 'absent' })]);
  await eventually(() => assert.ok(sidecar.serials.size >= 3, `${sidecar.serials.size} certificates`), { timeoutMs: 30_000 });
  assert.equal(sidecar.identity.gap, null);
  assert.equal(events.filter(event => event.kind === 'connect').length, 1);
  assert.ok(events.filter(event => event.kind === 'issued').length < 30, 'renewal is no busy loop');
  control.close();
  sidecar.close();
});

test('a daemon of another mesh is not accepted, whatever it knows', async () => {
  const foreign = await Authority.open({ directory: join(directory, 'foreign'), trustDomain, clock: systemClock });
  const sidecar = new SmallSidecar('a-1', 'a', authority.bundlePem);
  const port = await sidecar.listen();
  const { control, events } = plane(sidecar, foreign);
  control.setPods([pod('a', '', 2, { controlPort: port, app: 'absent' })]);
  await eventually(() => assert.ok(events.filter(event => event.kind === 'lost').length >= 2));
  assert.equal(
    events.some(event => event.kind === 'connect'),
    false,
  );
  assert.equal(sidecar.snapshot, null);
  control.close();
  sidecar.close();
});
