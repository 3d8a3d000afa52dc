import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { ControlError } from '../../src/control/control-error.ts';
import { controlKeysIn } from '../../src/control/control-key.ts';
import { type ControlEvent, ControlPlane, type ControlPlaneOptions } from '../../src/control/control-plane.ts';
import type { LinkTiming } from '../../src/control/sidecar-link.ts';
import { createCsr } from '../../src/identity/certificate-request.ts';
import { readLeaf } from '../../src/identity/leaf-certificate.ts';
import { serviceId } from '../../src/identity/spiffe-id.ts';
import { Authority } from '../../src/pki/authority.ts';
import { eventually } from '../support/eventually.ts';
import { type StandInOptions, StandInSidecar } from '../support/stand-in-sidecar.ts';
import { newKey } from '../support/test-ca.ts';
import { type MeshShort, mesh, pod } from './mesh-builder.ts';

const trustDomain = 'bookshop.local';
const directory = await mkdtemp(join(tmpdir(), 'mesh-control-'));
const authority = await Authority.open({ directory, trustDomain, clock: systemClock });
after(() => rm(directory, { recursive: true, force: true }));

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Unref'd timers alone do not keep a process that waits for them alive; a test's own deadline does. */
const soon = () => AbortSignal.timeout(15_000);

async function standIn(workload: string, rest: Partial<StandInOptions> = {}): Promise<StandInSidecar> {
  const sidecar = await StandInSidecar.start({ workload, trustDomain, bundlePem: authority.bundlePem, ...rest });
  closing.push(() => sidecar.kill().catch(() => undefined));
  return sidecar;
}

function plane(
  logs: Map<string, string>,
  timing: Partial<LinkTiming> = {},
  parts: Partial<ControlPlaneOptions> = {},
): { control: ControlPlane; events: ControlEvent[] } {
  const control = new ControlPlane({
    authority,
    clock: systemClock,
    random: Math.random,
    daemonVersion: 'test',
    readControlKeys: async workload => controlKeysIn(logs.get(workload) ?? ''),
    timing,
    ...parts,
  });
  closing.unshift(() => control.close());
  const events: ControlEvent[] = [];
  control.on(event => events.push(event));
  return { control, events };
}

/** The certificate that the sidecar was given, once it is there. */
const leafOf = (sidecar: StandInSidecar) => eventually(() => new X509Certificate(sidecar.svid?.chainPem ?? ''));

const two: MeshShort = { services: { a: {}, b: {} } };

test('a sidecar is dialled, gets its SVID and its snapshot, and is ready', async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const { control, events } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await control.whenReady('a-1', soon());

  await control.settled();
  assert.deepEqual(a.snapshots.at(-1), control.snapshot('a-1'));
  const leaf = await leafOf(a);
  assert.equal(readLeaf(leaf.raw).spiffeId, serviceId(trustDomain, 'default', 'a'));
  assert.equal(a.svid?.bundlePem, control.bundlePem);
  const [status] = control.status();
  assert.equal(status?.sync, 'SYNCED');
  assert.equal(status?.svidExpiresAtMs, Date.parse(leaf.validTo));
  assert.ok(events.some(event => event.kind === 'issued' && event.workload === 'a-1'));
});

test('a sidecar that asks for another service gets its own name', async () => {
  const a = await standIn('a-1', { askFor: 'b' });
  const { control } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await control.whenReady('a-1', soon());
  assert.equal(readLeaf((await leafOf(a)).raw).spiffeId, serviceId(trustDomain, 'default', 'a'));
});

test('the registry says whose pod it is, and the configuration which account that has', async () => {
  const a = await standIn('a-1', { askFor: 'b' });
  const b = await standIn('b-1', { askFor: 'b' });
  const { control } = plane(
    new Map([
      ['a-1', a.log],
      ['b-1', b.log],
    ]),
  );
  control.setConfig(mesh({ services: { a: { account: 'shared', namespace: 'shop' }, b: { account: 'shared' } } }));
  control.setPods([pod('a', '', 2, { controlPort: a.port }), pod('b', '', 3, { controlPort: b.port })]);
  await Promise.all([control.whenReady('a-1', soon()), control.whenReady('b-1', soon())]);
  assert.equal(readLeaf((await leafOf(a)).raw).spiffeId, serviceId(trustDomain, 'shop', 'shared'));
  assert.equal(readLeaf((await leafOf(b)).raw).spiffeId, serviceId(trustDomain, 'default', 'shared'));
  assert.equal(control.snapshot('a-1')?.identity, serviceId(trustDomain, 'shop', 'shared'));
});

test("a sidecar that answers on another one's channel gets nothing, and that is told", async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const b = await standIn('b-1', { askFor: 'b', helloWorkload: 'a-1' });
  const { control, events } = plane(
    new Map([
      ['a-1', a.log],
      ['b-1', b.log],
    ]),
  );
  control.setConfig(mesh(two));
  // It has a good key, but that of another container's log; and it lies about its name.
  control.setPods([pod('a', '', 2, { controlPort: b.port }), pod('b', '', 3)]);
  await eventually(() =>
    assert.ok(
      events.some(
        event => event.kind === 'lost' && event.workload === 'a-1' && /not one from the sidecar's log/.test(event.reason),
      ),
    ),
  );
  assert.deepEqual(b.received, []);
  assert.equal(b.svid, null);
  assert.ok(!events.some(event => event.kind === 'issued'));
});

test('nothing is sent to a listener whose key is not in the log', async () => {
  const impostor = await standIn('a-1', { askFor: 'a' });
  const { control, events } = plane(new Map([['a-1', `mesh-control-key sha256:${'0'.repeat(64)}\n`]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: impostor.port })]);
  const refusals = () => events.filter(event => event.kind === 'lost' && /not one from the sidecar's log/.test(event.reason));
  await eventually(() => assert.ok(refusals().length >= 2, 'it is tried again'));
  assert.deepEqual(impostor.received, []);
  assert.equal(control.status()[0]?.sync, 'DISCONNECTED');
});

test('a restarted sidecar with a new key on the same port is found again by itself', async () => {
  const first = await standIn('a-1', { askFor: 'a' });
  const logs = new Map([['a-1', first.log]]);
  const { control, events } = plane(logs);
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: first.port })]);
  await control.whenReady('a-1', soon());
  await control.settled();
  const version = control.snapshot('a-1')?.version;

  await first.kill();
  await eventually(() => assert.equal(control.status()[0]?.sync, 'DISCONNECTED'));
  const second = await standIn('a-1', { askFor: 'a', port: first.port });
  logs.set('a-1', first.log + second.log);
  await control.whenReady('a-1', soon());
  assert.equal(second.snapshots[0]?.version, version);
  await leafOf(second);
  assert.equal(events.filter(event => event.kind === 'connect').length, 2);
});

test('a sidecar that already runs the version is not sent it again', async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const { control } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh({ services: { a: { ports: [] }, b: {} } }));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await control.whenReady('a-1', soon());
  const sent = a.snapshots.length;
  control.close();

  const next = plane(new Map([['a-1', a.log]])).control;
  next.setConfig(mesh({ services: { a: { ports: [] }, b: {} } }));
  next.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await next.whenReady('a-1', soon());
  assert.equal((await next.settled()).acked.join(), 'a-1');
  assert.equal(a.snapshots.length, sent);
});

test('only workloads whose snapshot changed are pushed to', async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const web = await standIn('web-1', { askFor: 'web' });
  const logs = new Map([
    ['a-1', a.log],
    ['web-1', web.log],
  ]);
  const { control } = plane(logs);
  const gateways = { web: { port: 8080, routes: [{ split: [{ service: 'a' }] }] } };
  control.setConfig(mesh({ ...two, gateways }));
  control.setPods([pod('a', '', 2, { controlPort: a.port }), pod('web', '', 3, { kind: 'gateway', controlPort: web.port })]);
  await Promise.all([control.whenReady('a-1', soon()), control.whenReady('web-1', soon())]);
  a.send({ kind: 'app', port: 9080, listening: true });
  await control.whenAppListening('a-1', 9080, soon());
  await control.settled();
  const before = [a.snapshots.length, web.snapshots.length];

  control.setConfig(mesh({ ...two, gateways, services: { a: {}, b: {}, c: {} } }));
  const settlement = await control.settled();
  assert.deepEqual(settlement.acked, ['a-1', 'web-1']);
  assert.deepEqual([a.snapshots.length, web.snapshots.length], [(before[0] ?? 0) + 1, before[1]]);
});

test('endpoints follow what the sidecar sees of its app', async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const { control } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  const endpoints = () =>
    control
      .snapshot('a-1')
      ?.clusters.find(cluster => cluster.service === 'a')
      ?.endpoints.map(endpoint => endpoint.address)
      .join();
  await control.whenReady('a-1', soon());
  await eventually(() => assert.equal(endpoints(), ''));
  assert.equal(control.status()[0]?.state, 'starting');

  a.send({ kind: 'app', port: 9080, listening: true });
  await control.whenAppListening('a-1', 'any', soon());
  await eventually(() => assert.equal(endpoints(), '172.18.0.2'));
  assert.equal(control.status()[0]?.state, 'ready');

  a.send({ kind: 'app', port: 9080, listening: false });
  await eventually(() => assert.equal(endpoints(), ''));
});

test('an app that a late listing shows as stopped is asked for again, and comes back', async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const { control } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await control.whenReady('a-1', soon());
  a.send({ kind: 'app', port: 9080, listening: true });
  await control.whenAppListening('a-1', 'any', soon());

  control.setPods([pod('a', '', 2, { controlPort: a.port, app: 'stopped' })]);
  const listens = control.whenAppListening('a-1', 'any', soon());
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await eventually(() => assert.ok(a.received.some(message => message.kind === 'probe')));
  a.send({ kind: 'app', port: 9080, listening: true });
  await listens;
  assert.equal(control.status()[0]?.state, 'ready');
});

test('an app without ports is listening at once', async () => {
  const { control } = plane(new Map());
  control.setConfig(mesh({ services: { worker: { ports: [] } } }));
  control.setPods([pod('worker', '', 2)]);
  await control.whenAppListening('worker-1', 'any', soon());
});

test('a nack is shown with its reason and the version before stays', async () => {
  const a = await standIn('a-1', { askFor: 'a', refuse: snapshot => (snapshot.egress === 'registry-only' ? 'no thanks' : null) });
  const { control, events } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await control.whenReady('a-1', soon());
  await control.settled();
  const good = a.running;

  control.setConfig(mesh({ ...two, egress: 'registry-only' }));
  const settlement = await control.settled();
  assert.deepEqual(settlement.nacked, ['a-1']);
  const [status] = control.status();
  assert.equal(status?.sync, 'STALE');
  assert.equal(status?.acked, good);
  assert.deepEqual(status?.nack, { version: status?.wanted, reason: 'no thanks' });
  assert.ok(events.some(event => event.kind === 'nack' && event.reason === 'no thanks'));

  control.setConfig(mesh(two));
  assert.deepEqual((await control.settled()).acked, ['a-1']);
  assert.equal(control.status()[0]?.nack, null);
});

test('waiting for a sidecar that refuses its first snapshot ends with the reason', async () => {
  const a = await standIn('a-1', { askFor: 'a', refuse: () => 'cannot bind 9080' });
  const { control } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await assert.rejects(
    control.whenReady('a-1', soon()),
    (error: unknown) => error instanceof ControlError && error.code === 'rejected' && /cannot bind 9080/.test(error.message),
  );
});

test('a sidecar that does not answer for its snapshot is stale and keeps others waiting', async () => {
  const a = await standIn('a-1', { askFor: 'a', mute: true });
  const { control } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await eventually(() => assert.equal(control.status()[0]?.sync, 'STALE'));
  const stop = new AbortController();
  const waiting = control.settled(stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
});

test('settled names who runs the new version', async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const { control, events } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await control.whenReady('a-1', soon());
  await control.settled();
  events.length = 0;
  control.setConfig(mesh({ ...two, egress: 'registry-only' }));
  await control.settled();
  const settled = events.find(event => event.kind === 'settled');
  assert.ok(settled?.kind === 'settled' && settled.tookMs >= 0);
  assert.deepEqual([settled.acked, settled.nacked, settled.away], [['a-1'], [], []]);
});

test('queries are answered, and fail by name', async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const { control } = plane(new Map([['a-1', a.log]]));
  const failsWith = (code: ControlError['code']) => (error: unknown) => error instanceof ControlError && error.code === code;
  await assert.rejects(control.sidecars.query('a-1', 'stats'), failsWith('unknown-workload'));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port }), pod('b', '', 3)]);
  await assert.rejects(control.sidecars.query('b-1', 'stats'), failsWith('not-connected'));
  await control.whenReady('a-1', soon());
  // What it said of its app in its hello is another snapshot.
  await control.settled();
  assert.deepEqual(await control.sidecars.query('a-1', 'config'), { what: 'config', version: a.running });
});

test('a hung sidecar fails its queries and is dialled again', async () => {
  const a = await standIn('a-1', { askFor: 'a', hung: true });
  const { control, events } = plane(new Map([['a-1', a.log]]), { pingMs: 50 });
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await eventually(() => assert.ok(events.some(event => event.kind === 'connect')));
  await assert.rejects(control.sidecars.query('a-1', 'state', 20_000), ControlError);
  await eventually(() => assert.ok(events.some(event => event.kind === 'lost' && /ping/.test(event.reason))));
  await eventually(() => assert.ok(a.connections >= 2));
});

const hostile: readonly [string, Partial<StandInOptions>, (a: StandInSidecar) => void, RegExp][] = [
  ['another protocol', { protocol: 99 }, () => undefined, /speaks protocol 99/],
  ["another workload's name", { helloWorkload: 'b-1' }, () => undefined, /says it is "b-1"/],
  ['a frame that is too large', {}, a => a.sendRaw(Buffer.from([0xff, 0xff, 0xff, 0xff])), /announced/],
  ['bytes that are no frame', {}, a => a.sendRaw(Buffer.from([0, 0, 0, 3, 1, 2, 3])), /not UTF-8 JSON/],
  ['a message of unknown kind', {}, a => a.send({ kind: 'become-admin' } as never), /kind: expected/],
  ['a field of the wrong type', {}, a => a.send({ kind: 'app', port: -1, listening: true }), /port: expected/],
];
for (const [what, options, act, reason] of hostile) {
  test(`a sidecar with ${what} is cut off, the daemon lives on`, async () => {
    const a = await standIn('a-1', { askFor: 'a', ...options });
    const { control, events } = plane(new Map([['a-1', a.log]]));
    control.setConfig(mesh(two));
    control.setPods([pod('a', '', 2, { controlPort: a.port })]);
    await eventually(() => assert.ok(a.received.length > 0));
    act(a);
    await eventually(() =>
      assert.ok(
        events.some(event => event.kind === 'lost' && reason.test(event.reason)),
        JSON.stringify(events),
      ),
    );
  });
}

test('a damaged CSR is refused and said, the channel stays', async () => {
  const a = await standIn('a-1');
  const { control, events } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await eventually(() => assert.ok(events.some(event => event.kind === 'ack')));
  a.send({ kind: 'csr', pem: 'nonsense' });
  await eventually(() => assert.ok(events.some(event => event.kind === 'issue-failed' && /malformed/.test(event.reason))));
  assert.equal(a.svid, null);
  await control.settled();
  assert.equal(control.status()[0]?.sync, 'SYNCED');
});

test('of many CSRs at once only a few are signed, the newest among them', async () => {
  const a = await standIn('a-1');
  const { control, events } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPods([pod('a', '', 2, { controlPort: a.port })]);
  await eventually(() => assert.ok(events.some(event => event.kind === 'ack')));
  for (let i = 0; i < 50; i++) a.send({ kind: 'csr', pem: 'nonsense' });
  const key = newKey();
  a.send({ kind: 'csr', pem: createCsr(key, serviceId(trustDomain, 'default', 'a')) });
  await eventually(() => assert.ok(new X509Certificate(a.svid?.chainPem ?? '').checkPrivateKey(key)));
});

test('a pod that is gone is forgotten and its channel closed', async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const { control } = plane(new Map([['a-1', a.log]]));
  control.setConfig(mesh(two));
  control.setPod(pod('a', '', 2, { controlPort: a.port }));
  await control.whenReady('a-1', soon());
  control.setPods([]);
  assert.deepEqual(control.status(), []);
  await eventually(() => a.send({ kind: 'ack', version: 'x' }));
  await control.settled();
  assert.equal(control.snapshot('a-1'), null);
});

test('waiting ends with the signal or with the control plane', async () => {
  const { control } = plane(new Map());
  control.setConfig(mesh(two));
  await assert.rejects(control.whenReady('a-1', AbortSignal.abort(new Error('stopped'))), /stopped/);
  const waiting = control.whenReady('a-1', soon());
  control.close();
  await assert.rejects(waiting, (error: unknown) => error instanceof ControlError && error.code === 'closed');
});

test("scrapers get the daemon's own metrics, others do not", async () => {
  const a = await standIn('a-1', { askFor: 'a' });
  const b = await standIn('b-1', { askFor: 'b' });
  const logs = new Map([
    ['a-1', a.log],
    ['b-1', b.log],
  ]);
  const { control } = plane(logs, {}, { ownMetrics: async () => 'mesh_workloads 2\n' });
  control.setConfig({ ...mesh(two), metrics: { scrapers: ['b'] } });
  control.setPods([pod('a', '', 2, { controlPort: a.port }), pod('b', '', 3, { controlPort: b.port })]);
  await Promise.all([control.whenReady('a-1', soon()), control.whenReady('b-1', soon())]);
  a.send({ kind: 'scrape' });
  b.send({ kind: 'scrape' });
  await eventually(() =>
    assert.deepEqual(
      b.received.filter(({ kind }) => kind === 'daemon-metrics'),
      [{ kind: 'daemon-metrics', text: 'mesh_workloads 2\n' }],
    ),
  );
  // What was asked first is decided first.
  assert.ok(!a.received.some(({ kind }) => kind === 'daemon-metrics'));
});
