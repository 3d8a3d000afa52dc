import assert from 'node:assert/strict';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import type { GatewayTlsConfig, MeshConfig } from '../../src/config/mesh-config.ts';
import { controlKeysIn } from '../../src/control/control-key.ts';
import { type ControlEvent, ControlPlane } from '../../src/control/control-plane.ts';
import { GatewayCertificates } from '../../src/control/gateway-certificates.ts';
import { Authority } from '../../src/pki/authority.ts';
import type { Certificate } from '../../src/snapshot/channel.ts';
import { afterTest } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual-clock.ts';
import { StandInSidecar } from '../support/stand-in-sidecar.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';
import { mesh, pod } from './mesh-builder.ts';

const trustDomain = 'bookshop.local';
const dayMs = 86_400_000;
const directory = await mkdtemp(join(tmpdir(), 'mesh-gateway-certificates-'));
after(() => rm(directory, { recursive: true, force: true }));
const authority = await Authority.open({ directory, trustDomain, clock: systemClock });

/** A mesh whose gateways end TLS. */
function withTls(certificates: Readonly<Record<string, GatewayTlsConfig['certificate']>>): MeshConfig {
  const gateways = Object.fromEntries(
    Object.keys(certificates).map((name, i) => [name, { port: 8443 + i, routes: [{ split: [{ service: 'a' }] }] }]),
  );
  const config = mesh({ services: { a: {} }, gateways });
  return {
    ...config,
    gateways: config.gateways.map(gateway => {
      const certificate = certificates[gateway.name];
      return certificate === undefined ? gateway : { ...gateway, tls: { minVersion: '1.2', certificate } };
    }),
  };
}

const issued = (...names: readonly string[]) => ({ kind: 'issued', names }) as const;
const hasNames = (certificate: Certificate | undefined): string =>
  new X509Certificate(certificate?.chainPem ?? '').subjectAltName ?? '';

test('a gateway gets its certificate before its snapshot, on every connection, and a new one when its names change', async () => {
  const gateway = await StandInSidecar.start({ workload: 'web-1', trustDomain, bundlePem: authority.bundlePem });
  afterTest(() => gateway.kill().catch(() => undefined));
  const other = await StandInSidecar.start({ workload: 'a-1', trustDomain, bundlePem: authority.bundlePem });
  afterTest(() => other.kill().catch(() => undefined));
  const logs = new Map([
    ['web-1', gateway.log],
    ['a-1', other.log],
  ]);
  const control = new ControlPlane({
    authority,
    clock: systemClock,
    random: () => 0.5,
    daemonVersion: 'test',
    readControlKeys: async workload => controlKeysIn(logs.get(workload) ?? ''),
  });
  afterTest(() => control.close());
  const events: ControlEvent[] = [];
  control.on(event => events.push(event));
  const received = (): readonly Certificate[] => gateway.received.filter(message => message.kind === 'certificate');

  control.setConfig(withTls({ web: issued('shop.localhost') }));
  control.setPods([
    pod('web', '', 2, { kind: 'gateway', controlPort: gateway.port }),
    pod('a', '', 3, { controlPort: other.port }),
  ]);
  await eventually(() => assert.ok(gateway.snapshots.length > 0 && received().length > 0));
  const first = received().at(-1);
  assert.equal(first?.name, 'web');
  assert.deepEqual(gateway.snapshots.at(-1)?.gateway[0]?.tls, { certificates: ['web'], minVersion: '1.2' });
  assert.equal(hasNames(first), 'DNS:shop.localhost');
  assert.ok(new X509Certificate(first?.chainPem ?? '').checkPrivateKey(createPrivateKey(first?.keyPem ?? '')));
  assert.ok(!JSON.stringify(gateway.snapshots).includes('PRIVATE KEY'));

  const before = gateway.received.length;
  gateway.disconnect();
  await eventually(() => assert.ok(gateway.received.slice(before).some(message => message.kind === 'certificate')));
  assert.equal(received().at(-1)?.chainPem, first?.chainPem);

  control.setConfig(withTls({ web: issued('new.localhost') }));
  await eventually(() => assert.equal(hasNames(received().at(-1)), 'DNS:new.localhost'));
  assert.ok(!other.received.some(message => message.kind === 'certificate'), 'nobody else gets it');
  assert.ok(!JSON.stringify(events).includes('PRIVATE KEY'));
});

test('an issued certificate is renewed in the middle of its life, one of a file is the user’s', async () => {
  const clock = manualClock();
  const made: Certificate[] = [];
  const failed: string[] = [];
  const own = await Authority.open({ directory: join(directory, 'manual'), trustDomain, clock });
  const certificates = new GatewayCertificates({
    authority: own,
    clock,
    random: () => 0.5,
    onChanged: certificate => made.push(certificate),
    onFailed: (gateway, reason) => failed.push(`${gateway}: ${reason}`),
  });
  afterTest(() => certificates.close());
  const [cert, key] = [join(directory, 'own.pem'), join(directory, 'own.key')];
  const ca = createTestCa(Date.now());
  const write = async (): Promise<string> => {
    const pair = newKey();
    await writeFile(key, pair.export({ type: 'pkcs8', format: 'pem' }));
    await writeFile(cert, ca.issue(pair, null, { names: [{ type: 'dns', value: 'own.localhost' }] }));
    return createHash('sha256')
      .update(await readFile(cert))
      .digest('hex');
  };
  const files = { kind: 'files', cert, key, fingerprint: await write() } as const;

  certificates.update(withTls({ web: issued('shop.localhost'), own: files }));
  assert.equal(certificates.of('web'), null);
  await eventually(() => assert.equal(made.length, 2));
  assert.equal(certificates.of('own')?.chainPem, await readFile(cert, 'latin1'));
  certificates.update(withTls({ web: issued('shop.localhost'), own: files }));
  clock.advance(39 * dayMs);
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(made.length, 2, 'nothing has changed');
  clock.advance(dayMs);
  await eventually(() => assert.equal(made.length, 3));
  assert.equal(made.at(-1)?.name, 'web');

  const next = await write();
  certificates.update(withTls({ web: issued('shop.localhost'), own: { ...files, fingerprint: 'judged before it changed' } }));
  await eventually(() => assert.equal(failed.length, 1));
  assert.notEqual(certificates.of('own'), null, 'the one before stays');
  certificates.update(withTls({ web: issued('shop.localhost'), own: { ...files, fingerprint: next } }));
  await eventually(async () => assert.equal(certificates.of('own')?.chainPem, await readFile(cert, 'latin1')));

  certificates.update(withTls({}));
  assert.equal(certificates.of('web'), null);
  const count = made.length;
  clock.advance(400 * dayMs);
  assert.equal(made.length, count, 'what is no longer wanted is not renewed');
});
