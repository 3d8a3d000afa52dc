import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { Identities, type IdentityEvent } from '../../src/control/identities.ts';
import { createCsr } from '../../src/identity/certificate-request.ts';
import { readLeaf } from '../../src/identity/leaf-certificate.ts';
import { serviceId } from '../../src/identity/spiffe-id.ts';
import { Authority } from '../../src/pki/authority.ts';
import type { IdentityReport, ToSidecar } from '../../src/snapshot/channel.ts';
import { eventually } from '../support/eventually.ts';
import { newKey } from '../support/test-ca.ts';

const hourMs = 3_600_000;
const home = await mkdtemp(join(tmpdir(), 'mesh-identities-'));
after(() => rm(home, { recursive: true, force: true }));
let count = 0;

/** Identities of one workload, `a-1`, with what it was sent and what was told. */
async function identities(options: { readonly known?: boolean } = {}) {
  const now = Date.UTC(2026, 5, 1);
  const clock = { ...systemClock, now: () => now };
  const authority = await Authority.open({ directory: join(home, String(++count)), trustDomain: 'a.local', clock });
  const sent: ToSidecar[] = [];
  const events: IdentityEvent[] = [];
  const made = new Identities({
    authority,
    clock,
    random: () => 0.5,
    ttlMs: 24 * hourMs,
    identityOf: () => (options.known === false ? null : serviceId('a.local', 'default', 'a')),
    send: (_, message) => {
      sent.push(message);
      return true;
    },
    running: () => ['a-1'],
    emit: event => events.push(event),
  });
  after(() => made.close());
  const report = (rest: Partial<IdentityReport> = {}, life = 24 * hourMs): void => {
    const root = authority.active.fingerprint;
    const svid = { serialNumber: '4d', root, sinceMs: now, expiresAtMs: now + life };
    made.reported('a-1', {
      nowMs: now,
      svid,
      roots: authority.trusted.map(each => each.fingerprint).sort(),
      problem: null,
      ...rest,
    });
  };
  const kinds = (): readonly string[] => sent.splice(0).map(message => message.kind);
  return { made, authority, sent, events, report, kinds, now };
}

test('signs for who is at the other end, whoever the request names', async () => {
  const { made, sent, events } = await identities();
  await made.sign('a-1', createCsr(newKey(), serviceId('a.local', 'default', 'b')));
  const [message] = sent;
  assert.equal(message?.kind, 'svid');
  const chain = message?.kind === 'svid' ? message.chainPem : '';
  assert.equal(readLeaf(new X509Certificate(chain).raw).spiffeId, serviceId('a.local', 'default', 'a'));
  assert.deepEqual(
    events.map(event => event.kind),
    ['issued'],
  );
  await made.sign('a-1', 'nonsense');
  assert.equal(events.at(-1)?.kind, 'issue-failed');
});

test('signs nothing for a workload that nobody knows', async () => {
  const { made, kinds, events } = await identities({ known: false });
  await made.sign('a-1', createCsr(newKey(), serviceId('a.local', 'default', 'a')));
  assert.deepEqual(kinds(), []);
  assert.deepEqual(events, []);
});

test('a sidecar that has all is left alone; one with other roots or an old certificate is brought up', async () => {
  const { made, authority, report, kinds } = await identities();
  made.connected('a-1', null);
  report();
  assert.deepEqual(kinds(), []);
  const before = authority.active.fingerprint;
  await authority.prepare();
  report({ roots: [before] });
  assert.deepEqual(kinds(), ['roots']);
  await authority.activate();
  const old = { serialNumber: '4d', root: before, sinceMs: 0, expiresAtMs: Number.MAX_SAFE_INTEGER };
  report({ svid: old });
  assert.deepEqual(kinds(), ['renew']);
  await authority.retire();
  // It was away: what it has comes from no root that is trusted, so roots alone it would have to refuse.
  report({ svid: old, roots: [before] });
  assert.deepEqual(kinds(), ['renew']);
  report({ svid: old, roots: [before], problem: 'certificate is for another key' });
  assert.deepEqual(kinds(), [], 'what it has refused it would refuse again');
  report({ svid: null, roots: [] });
  assert.deepEqual(kinds(), [], 'it asks by itself');
});

test('certificates that would live much longer than is wanted now are renewed, unless the clocks differ', async () => {
  const { made, authority, report, kinds, now } = await identities();
  made.connected('a-1', null);
  report();
  made.setTtl(48 * hourMs);
  assert.deepEqual(kinds(), [], 'a longer life can wait');
  made.setTtl(60_000);
  assert.deepEqual(kinds(), ['renew']);
  report({}, 90_000);
  assert.deepEqual(kinds(), [], 'a little longer is no difference');
  const svid = { serialNumber: '4e', root: authority.active.fingerprint, sinceMs: now, expiresAtMs: now + 24 * hourMs };
  report({ svid });
  assert.deepEqual(kinds(), ['renew']);
  report({ svid });
  assert.deepEqual(kinds(), [], 'who answers with what it had is not told for ever');
  report({ svid: { ...svid, serialNumber: '4f' }, nowMs: now - hourMs });
  assert.deepEqual(kinds(), [], 'nobody can tell, and asking would have no end');
});

test('a clock that is off by more than a minute is told once, with both times', async () => {
  const { made, report, events, now } = await identities();
  made.connected('a-1', null);
  report({ nowMs: now + 59_000 });
  assert.deepEqual(events, []);
  made.connected('a-1', null);
  report({ nowMs: now + 25 * hourMs });
  report({ nowMs: now + 25 * hourMs });
  assert.deepEqual(events, [{ kind: 'clocks-differ', workload: 'a-1', theirsMs: now + 25 * hourMs, oursMs: now }]);
});

test('what is known of a workload outlives its connection and not its pod', async () => {
  const { made, report, now } = await identities();
  made.connected('a-1', now + 1);
  assert.equal(made.endOf('a-1'), now + 1);
  report({ problem: 'certificate is for another key' });
  assert.equal(made.endOf('a-1'), now + 24 * hourMs);
  made.lost('a-1');
  assert.equal(made.svidOf('a-1')?.serialNumber, '4d');
  assert.equal(made.problemOf('a-1'), 'certificate is for another key');
  assert.deepEqual(
    made.rotation.blockers.map(({ reason }) => reason),
    ['its sidecar is not connected'],
  );
  made.forget('a-1');
  assert.equal(made.endOf('a-1'), null);
  await eventually(() => assert.equal(made.latePartOf('a-1'), 0));
});
