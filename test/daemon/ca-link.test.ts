import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { RotationStep } from '../../src/api/ca.ts';
import { MeshError } from '../../src/api/mesh-error.ts';
import { systemClock } from '../../src/async/clock.ts';
import { createCaLink } from '../../src/daemon/ca-link.ts';
import { noticeOf } from '../../src/daemon/control-notices.ts';
import { createCsr } from '../../src/identity/certificate-request.ts';
import { readLeaf } from '../../src/identity/leaf-certificate.ts';
import { eventually } from '../support/eventually.ts';
import { LoopbackMesh } from '../support/loopback-mesh.ts';
import { newKey } from '../support/test-ca.ts';

const home = await mkdtemp(join(tmpdir(), 'mesh-ca-link-'));
after(() => rm(home, { recursive: true, force: true }));
let count = 0;
const start = () => LoopbackMesh.start({ directory: join(home, String(++count)), svidTtlMs: 3_600_000 });

test('a change is followed step by step, with whom it waits for, and the document tells the same', async () => {
  await using mesh = await start();
  const link = createCaLink(mesh.authority, mesh.control, systemClock);
  await eventually(() => assert.ok(link.document().svids.every(svid => svid.root !== null)));
  const before = link.document();
  assert.equal(before.rotation, null);
  assert.deepEqual(
    before.svids.map(svid => svid.workload),
    ['caller-1', 'grpc-1', 'raw-1', 'web-1'],
  );
  assert.equal(before.svids[3]?.spiffeId, 'spiffe://bookshop.local/ns/default/sa/web');
  assert.equal(before.svids[3]?.root, before.roots[0]?.fingerprint);

  mesh.unreachable.add('web-1');
  mesh.observe();
  const steps: RotationStep[] = [];
  const following = (async () => {
    for await (const step of link.rotate(new AbortController().signal)) steps.push(step);
  })();
  const blocked = [{ workload: 'web-1', reason: 'its sidecar is not connected' }];
  await eventually(() => assert.deepEqual(steps.at(-1), { text: '', waitingFor: blocked }));
  assert.deepEqual(link.document().rotation, { phase: 'prepared', waitingFor: blocked });
  mesh.unreachable.clear();
  mesh.observe();
  await following;
  assert.match(
    steps.map(step => step.text).join('\n'),
    /is made, and trusted beside[\s\S]*signs; every certificate is issued anew[\s\S]*is trusted no more\nevery sidecar trusts root \w{12} alone$/,
  );
  assert.equal(link.document().rotation, null);
  assert.deepEqual(
    link.document().roots.map(root => root.role),
    ['active', 'retired'],
  );
});

test('who stops to follow does not stop the change', async () => {
  await using mesh = await start();
  const link = createCaLink(mesh.authority, mesh.control, systemClock);
  mesh.unreachable.add('web-1');
  mesh.observe();
  const gone = new AbortController();
  for await (const _ of link.rotate(gone.signal)) gone.abort();
  assert.equal(link.document().rotation?.phase, 'prepared');
  mesh.unreachable.clear();
  mesh.observe();
  await eventually(() => assert.equal(link.document().rotation, null));
});

test('people get an identity that no service has, for a key that they keep', async () => {
  await using mesh = await start();
  const link = createCaLink(mesh.authority, mesh.control, systemClock);
  const key = newKey();
  const issued = await link.issuePerson({ name: 'alice', csrPem: createCsr(key, 'spiffe://bookshop.local/x'), ttlMs: 60_000 });
  const leaf = new X509Certificate(issued.chainPem);
  assert.ok(leaf.checkPrivateKey(key));
  assert.equal(readLeaf(leaf.raw).spiffeId, 'spiffe://bookshop.local/person/alice');
  assert.equal(issued.bundlePem, mesh.authority.bundlePem);
  await assert.rejects(
    link.issuePerson({ name: 'alice', csrPem: 'nonsense', ttlMs: 60_000 }),
    (error: unknown) => error instanceof MeshError && error.code === 'bad-person',
  );
});

test('what the user is told of certificates and roots', () => {
  const expiresAtMs = Date.UTC(2026, 5, 1, 12);
  const late = noticeOf({ kind: 'svid-late', workload: 'a-1', part: 0.8, expiresAtMs });
  assert.ok(late?.kind === 'warning');
  assert.equal(
    late.message,
    'the certificate of a-1 ends at 2026-06-01T12:00:00Z: 80 % of its life are over and it was not renewed',
  );
  const over = noticeOf({ kind: 'svid-late', workload: 'a-1', part: 1, expiresAtMs });
  assert.ok(over?.kind === 'warning');
  assert.match(over.message, /has expired at 2026-06-01T12:00:00Z.*svid_expired/);
  const clocks = noticeOf({ kind: 'clocks-differ', workload: 'a-1', theirsMs: expiresAtMs + 90_000_000, oursMs: expiresAtMs });
  assert.ok(clocks?.kind === 'warning');
  assert.match(clocks.message, /the clock of a-1 says 2026-06-02T13:00:00Z, the one here 2026-06-01T12:00:00Z/);
  assert.deepEqual(noticeOf({ kind: 'roots', phase: 'stable', text: 'x' }), { kind: 'roots', text: 'x' });
  assert.equal(noticeOf({ kind: 'ack', workload: 'a-1', version: '1' }), null);
});
