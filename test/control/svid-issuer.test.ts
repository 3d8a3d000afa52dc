import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { SvidIssuer } from '../../src/control/svid-issuer.ts';
import { createCsr } from '../../src/identity/certificate-request.ts';
import { serviceId } from '../../src/identity/spiffe-id.ts';
import { Authority } from '../../src/pki/authority.ts';
import { PkiError } from '../../src/pki/pki-error.ts';
import { newKey } from '../support/test-ca.ts';

const hourMs = 3_600_000;
let now = Date.UTC(2026, 0, 1);
const clock = { ...systemClock, now: () => now };
const directory = await mkdtemp(join(tmpdir(), 'mesh-issuer-'));
after(() => rm(directory, { recursive: true, force: true }));
const authority = await Authority.open({ directory, trustDomain: 'a.local', clock });
const id = serviceId('a.local', 'default', 'a');
const issuer = () => new SvidIssuer({ authority, clock, random: () => 0.5, ttlMs: 24 * hourMs });

test("the daemon's SVID is shared until half of its life is over", async () => {
  const issuing = issuer();
  const [first, same] = await Promise.all([issuing.daemon(), issuing.daemon()]);
  assert.equal(first, same);
  now += 10 * hourMs;
  assert.equal(await issuing.daemon(), first);
  now += hourMs;
  const second = await issuing.daemon();
  assert.notEqual(second.serialNumber, first.serialNumber);
  assert.ok(second.expiresAtMs > first.expiresAtMs);
});

test('of requests that wait, only the newest is signed', async () => {
  const issuing = issuer();
  const csr = createCsr(newKey(), id);
  const answers = await Promise.all(Array.from({ length: 10 }, () => issuing.issue('a-1', id, csr)));
  assert.deepEqual(
    answers.map(answer => answer !== null),
    [...Array.from({ length: 9 }, () => false), true],
  );
  assert.notEqual(await issuing.issue('a-1', id, csr), null);
});

test('workloads do not wait for each other, and a refusal blocks nobody', async () => {
  const issuing = issuer();
  const csr = createCsr(newKey(), id);
  const refused = issuing.issue('a-1', id, 'nonsense');
  const other = issuing.issue('b-1', id, csr);
  await assert.rejects(refused, PkiError);
  assert.notEqual(await other, null);
  assert.notEqual(await issuing.issue('a-1', id, csr), null);
});
