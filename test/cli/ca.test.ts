import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CaDocument, RotationStep } from '../../src/api/ca.ts';
import { createApiServer } from '../../src/api/server.ts';
import { socketPath, stateFolder } from '../../src/api/socket-path.ts';
import type { MeshApi, StatusDocument } from '../../src/api/types.ts';
import { systemClock } from '../../src/async/clock.ts';
import { caText } from '../../src/cli/commands/ca.ts';
import { Output } from '../../src/cli/output.ts';
import { personId } from '../../src/identity/spiffe-id.ts';
import { Authority } from '../../src/pki/authority.ts';
import { mesh } from '../support/mesh-command.ts';

const home = await mkdtemp(join(tmpdir(), 'mesh-cli-ca-'));
const servers: Server[] = [];
after(async () => {
  for (const server of servers) server.close();
  await rm(home, { recursive: true, force: true });
});
const authority = await Authority.open({ directory: join(home, 'pki'), trustDomain: 'shop.local', clock: systemClock });

const document: CaDocument = {
  apiVersion: 1,
  kind: 'Ca',
  trustDomain: 'shop.local',
  now: '2026-06-01T12:00:00.000Z',
  svidTtlMs: 86_400_000,
  roots: [
    {
      role: 'active',
      fingerprint: 'ab'.repeat(32),
      notBefore: '2026-05-30T00:00:00.000Z',
      expiresAt: '2036-05-28T00:00:00.000Z',
    },
    {
      role: 'retiring',
      fingerprint: 'cd'.repeat(32),
      notBefore: '2026-01-01T00:00:00.000Z',
      expiresAt: '2035-12-30T00:00:00.000Z',
    },
  ],
  rotation: { phase: 'activated', waitingFor: [{ workload: 'b-1', reason: 'its sidecar is not connected' }] },
  svids: [
    {
      workload: 'a-1',
      spiffeId: 'spiffe://shop.local/ns/default/sa/a',
      serialNumber: '4d',
      root: 'ab'.repeat(32),
      since: '2026-06-01T10:00:00.000Z',
      expiresAt: '2026-06-02T10:00:00.000Z',
      late: 0,
      problem: '',
    },
    {
      workload: 'b-1',
      spiffeId: 'spiffe://shop.local/ns/default/sa/b',
      serialNumber: '4e',
      root: 'cd'.repeat(32),
      since: '2026-05-31T15:00:00.000Z',
      expiresAt: '2026-06-01T15:00:00.000Z',
      late: 0.8,
      problem: 'certificate is for another key\u001b[2J',
    },
  ],
};

/** A daemon of which only some calls are answered, in a folder of its own. */
async function folderWith(api: Partial<MeshApi>): Promise<string> {
  const dir = await mkdtemp(join(home, 'mesh-'));
  await writeFile(join(dir, 'mesh.yaml'), 'services: {a: {image: busybox}}\n');
  const socket = socketPath(stateFolder(dir, null), process.env);
  await mkdir(join(socket, '..'), { recursive: true });
  const server = createApiServer(Promise.resolve(api as MeshApi), {
    clock: systemClock,
    onBug: error => assert.fail(String(error)),
  });
  servers.push(server);
  await new Promise<void>(resolve => server.listen(socket, resolve));
  return dir;
}

test('show: roots, a change under way, and who has which certificate', () => {
  const output = new Output(process.stdout, process.stderr, { stdout: false, stderr: false });
  assert.deepEqual(caText(document, output), [
    'trust domain  shop.local',
    'certificates  live for 24h',
    'rotation      activated: the new root signs, certificates are being replaced',
    '              waiting for b-1: its sidecar is not connected',
    '',
    'ROOT          ROLE      SINCE       ENDS',
    'abababababab  active    2026-05-30  2036-05-28',
    'cdcdcdcdcdcd  retiring  2026-01-01  2035-12-30',
    '',
    'WORKLOAD  IDENTITY                             ROOT          AGE  ENDS IN',
    'a-1       spiffe://shop.local/ns/default/sa/a  abababababab  2h   22h',
    'b-1       spiffe://shop.local/ns/default/sa/b  cdcdcdcdcdcd  21h  3h       not renewed, 80 % of its life is over; certificate is for another key\\u001b[2J',
  ]);
});

test('rotate tells each step and whom it waits for, and fails when the daemon ends before', async () => {
  const steps: readonly RotationStep[] = [
    { text: 'root abc is made', waitingFor: [] },
    { text: '', waitingFor: [{ workload: 'b-1', reason: 'its sidecar is not connected' }] },
    { text: 'root abc signs', waitingFor: [] },
  ];
  let done = true;
  const dir = await folderWith({
    async *rotateCa() {
      yield* steps;
    },
    ca: async () => (done ? { ...document, rotation: null } : document),
  });
  const good = await mesh(['ca', 'rotate'], dir);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stderr, /root abc is made\nwaiting for b-1: its sidecar is not connected\nroot abc signs\ndone/);
  assert.equal(good.stdout, '');
  done = false;
  const bad = await mesh(['ca', 'rotate'], dir);
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /the daemon ended before the change did/);
  const status = await mesh(['ca', 'rotate', '--status'], dir);
  assert.match(status.stdout, /^activated: .*\nwaiting for b-1: its sidecar is not connected\n$/);
});

test('issue: key and certificate for a person, private, and never over what is there', async () => {
  const status = {
    gateways: [{ name: 'web', url: 'https://localhost:9443/' }],
    trustDomain: 'shop.local',
  } as unknown as StatusDocument;
  let csr = '';
  const dir = await folderWith({
    status: async () => status,
    issuePerson: async ({ name, csrPem, ttlMs }) => {
      csr = csrPem;
      const issued = await authority.issue(csrPem, personId('shop.local', name), ttlMs);
      const expiresAt = new Date(issued.expiresAtMs).toISOString();
      return { ...issued, apiVersion: 1, kind: 'PersonCertificate', expiresAt, bundlePem: authority.bundlePem };
    },
  });
  const { code, stdout, stderr } = await mesh(['ca', 'issue', 'alice', '--ttl', '8h', '--out', 'keys'], dir);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /identity {5}spiffe:\/\/shop\.local\/person\/alice, until /);
  assert.match(
    stdout,
    /curl --cert keys\/alice\.crt --key keys\/alice\.key --cacert keys\/alice-ca\.pem https:\/\/localhost:9443\/\n$/,
  );
  assert.doesNotMatch(stdout + stderr + csr, /PRIVATE/);
  assert.deepEqual((await readdir(join(dir, 'keys'))).sort(), ['alice-ca.pem', 'alice.crt', 'alice.key']);
  assert.equal((await stat(join(dir, 'keys', 'alice.key'))).mode & 0o777, 0o600);
  assert.equal((await stat(join(dir, 'keys'))).mode & 0o777, 0o700);
  const key = await readFile(join(dir, 'keys', 'alice.key'), 'utf8');
  const leaf = new X509Certificate(await readFile(join(dir, 'keys', 'alice.crt')));
  assert.ok(leaf.verify(new X509Certificate(authority.bundlePem).publicKey));
  assert.equal(leaf.subjectAltName, 'URI:spiffe://shop.local/person/alice');
  assert.ok(Math.abs(Date.parse(leaf.validTo) - Date.now() - 8 * 3_600_000) < 60_000);

  const again = await mesh(['ca', 'issue', 'alice', '--out', 'keys'], dir);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /alice\.key is there already/);
  assert.equal(await readFile(join(dir, 'keys', 'alice.key'), 'utf8'), key);
});

test('status names certificates that should have been renewed', async () => {
  const proxy = { state: 'DISCONNECTED', connected: false, acked: null, sent: null, reason: '', listening: [] };
  const workload = {
    service: 'a',
    version: '',
    kind: 'service',
    replica: 1,
    address: null,
    app: null,
    sidecar: null,
    pause: null,
    ports: [],
  };
  const status = {
    project: 'shop',
    trustDomain: 'shop.local',
    daemon: { pid: 1, uptimeMs: 0, phase: 'running', reason: '', adminUrl: null },
    engine: { state: 'connected', reason: '' },
    config: { file: 'mesh.yaml', version: 'abc', lastReload: null, diagnostics: [] },
    workloads: [
      { ...workload, name: 'a-1', proxy: { ...proxy, svidExpiresAtMs: 1, svidLate: 0.5 } },
      { ...workload, name: 'a-2', proxy: { ...proxy, svidExpiresAtMs: 1, svidLate: 1 } },
      { ...workload, name: 'a-3', proxy: { ...proxy, svidExpiresAtMs: 1, svidLate: 0 } },
    ],
    gateways: [],
    faults: [],
  } as unknown as StatusDocument;
  const { stdout, stderr } = await mesh(['status'], await folderWith({ status: async () => status }));
  assert.match(stdout, /certificate of a-1: not renewed, 50 % of its life is over\ncertificate of a-2: svid_expired\n/, stderr);
  assert.doesNotMatch(stdout, /certificate of a-3/);
});

for (const [what, args, code, said] of [
  ['a name with a path', ['issue', '../alice'], 1, /cannot be the name of a person/],
  ['a life of years', ['issue', 'alice', '--ttl', '4000d'], 64, /--ttl: `4000d` is too long/],
  ['no name', ['issue'], 64, /for whom/],
  ['no duration', ['issue', 'alice', '--ttl', 'long'], 64, /--ttl/],
  ['an unknown action', ['renew'], 64, /one of root, show, rotate, issue/],
] as const) {
  test(`${what} is refused`, async () => {
    const status = { gateways: [], trustDomain: 'shop.local' } as unknown as StatusDocument;
    const dir = await folderWith({ status: async () => status });
    const { stderr, ...rest } = await mesh(['ca', ...args], dir);
    assert.equal(rest.code, code, stderr);
    assert.match(stderr, said);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
}
