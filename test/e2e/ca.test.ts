/** The bookshop on a real engine gets another root while it is used, with all that may come between: a sidecar that sleeps, a daemon that dies. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { CaDocument } from '../../src/api/ca.ts';
import { Bookshop } from '../support/bookshop.ts';
import { eventually } from '../support/eventually.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const patience = { timeoutMs: 60_000, everyMs: 100 };
let shop: Bookshop;

before(async () => {
  shop = await Bookshop.create(`e2e-ca-${process.pid}`);
  // Short lives: sidecars renew again and again while this runs.
  await shop.edit(text => `identity: {ttl: 30s}\n${text}`);
  const up = await shop.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, up.stderr);
});
after(() => shop[Symbol.asyncDispose]());

const used = (): SteadyLoad =>
  new SteadyLoad(4, async () => {
    const book = await shop.book();
    return book.details.error ?? book.reviews.error ?? null;
  });

async function ca(): Promise<CaDocument> {
  const { stdout, stderr } = await shop.mesh('ca', 'show', '--json');
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as CaDocument;
}

const activeOf = (document: CaDocument): string => document.roots.find(root => root.role === 'active')?.fingerprint ?? '';

/** Ids and start times of all containers: equal means that nothing was touched. */
async function lives(): Promise<Record<string, string>> {
  const names = [...(await shop.containers()).keys()].sort();
  const facts = await Promise.all(names.map(name => shop.docker.getContainer(name).inspect()));
  return Object.fromEntries(facts.map(({ Name, Id, State }) => [Name, `${Id} ${State.StartedAt}`]));
}

test('the root is changed under load: no request fails, no container is touched, everybody has a new certificate', async t => {
  const first = await ca();
  const containers = await lives();
  await using load = used();
  await load.more(20);
  const from = performance.now();
  const rotated = await shop.mesh('ca', 'rotate');
  t.diagnostic(`changed in ${Math.round(performance.now() - from)} ms`);
  assert.equal(rotated.code, 0, rotated.stderr);
  await load.more(100);
  await load.stop();
  assert.deepEqual([...new Set(load.failures)], []);
  const now = await ca();
  assert.notEqual(activeOf(now), activeOf(first));
  assert.ok(now.svids.length > 5);
  for (const { workload, root } of now.svids) assert.equal(root, activeOf(now), workload);
  assert.deepEqual(await lives(), containers);
  const { stdout } = await shop.mesh('ca');
  assert.equal(stdout.match(/BEGIN CERTIFICATE/g)?.length, 1);
  assert.equal(new X509Certificate(stdout).fingerprint256.replaceAll(':', '').toLowerCase(), activeOf(now));
});

test('a sidecar that sleeps is waited for by name, a daemon that is killed meanwhile is followed by one that goes on', async () => {
  const first = await ca();
  const containers = await lives();
  await using load = used();
  const sleeper = [...(await shop.containers()).keys()].find(name => name.endsWith('reviews-v2-1-sidecar'));
  assert.ok(sleeper !== undefined);
  await shop.docker.getContainer(sleeper).pause();
  await using rotating = shop.start('ca', 'rotate');
  await eventually(() => assert.match(rotating.stderr, /waiting for reviews-v2-1: its sidecar is not connected/), patience);
  assert.equal(activeOf(await ca()), activeOf(first));
  process.kill((await shop.status()).daemon.pid, 'SIGKILL');
  await eventually(async () => assert.notEqual((await shop.mesh('ca', 'show')).code, 0), patience);
  await shop.docker.getContainer(sleeper).unpause();
  const up = await shop.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, up.stderr);
  await eventually(async () => assert.equal((await ca()).rotation, null), patience);
  assert.notEqual(activeOf(await ca()), activeOf(first));
  await load.stop();
  assert.deepEqual(await lives(), containers, 'no pod is made anew because of a root');
});

test('a sidecar that is started anew finds its way from the root that its pod was made with', async () => {
  const { roots } = await ca();
  assert.deepEqual(
    roots.map(root => root.role),
    ['active', 'retired'],
  );
  await shop.docker.getContainer(`${shop.project}-details-1-sidecar`).restart({ t: 0 });
  await eventually(async () => assert.equal((await shop.book()).details.error, undefined), patience);
  const { svids } = await ca();
  assert.equal(svids.find(svid => svid.workload === 'details-1')?.root, activeOf(await ca()));
});

test('a person gets a certificate of the root in force', async () => {
  const issued = await shop.mesh('ca', 'issue', 'alice', '--ttl', '1h', '--out', 'people');
  assert.equal(issued.code, 0, issued.stderr);
  const leaf = new X509Certificate(await readFile(join(shop.dir, 'people', 'alice.crt')));
  const root = new X509Certificate(await readFile(join(shop.dir, 'people', 'alice-ca.pem')));
  assert.ok(leaf.verify(root.publicKey));
  assert.match(leaf.subjectAltName ?? '', /^URI:spiffe:\/\/[^/]+\/person\/alice$/);
});

test('once there are no pods, nobody needs the roots of before', async () => {
  const { svids, ...before } = await ca();
  assert.equal((await shop.mesh('down')).code, 0);
  const up = await shop.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, up.stderr);
  const now = await ca();
  assert.deepEqual(
    now.roots.map(root => root.role),
    ['active'],
  );
  assert.equal(activeOf(now), activeOf({ ...before, svids }));
  assert.equal((await shop.book()).details.error, undefined);
});
