import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { CaRotation, type Member } from '../../src/control/ca-rotation.ts';
import { Authority } from '../../src/pki/authority.ts';
import { PkiError } from '../../src/pki/pki-error.ts';
import type { IdentityReport } from '../../src/snapshot/channel.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual-clock.ts';

const home = await mkdtemp(join(tmpdir(), 'mesh-ca-rotation-'));
after(() => rm(home, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => join(home, String(++count));

/** Sidecars that have what they are told to have, and the steps that were taken. */
class Sidecars {
  members: Member[] = [];
  readonly steps: string[] = [];
  readonly failures: string[] = [];
  readonly rotation: CaRotation;
  readonly authority: Authority;

  constructor(authority: Authority, clock = systemClock) {
    this.authority = authority;
    this.rotation = new CaRotation({
      authority,
      clock,
      members: () => this.members,
      onStep: (phase, text) => this.steps.push(`${phase}: ${text}`),
      onFailed: reason => this.failures.push(reason),
    });
  }

  /** A sidecar says that it trusts what is to be trusted now and has a certificate of this root. */
  report(workload: string, root = this.authority.active.fingerprint, rest: Partial<IdentityReport> = {}): void {
    const roots = this.authority.trusted.map(each => each.fingerprint).sort();
    const svid = { serialNumber: '1', root, sinceMs: 0, expiresAtMs: 1 };
    const report = { nowMs: 0, svid, roots, problem: null, ...rest };
    this.members = [...this.members.filter(each => each.workload !== workload), { workload, connected: true, report }];
    this.rotation.look();
  }
}

const open = async (): Promise<Sidecars> =>
  new Sidecars(await Authority.open({ directory: fresh(), trustDomain: 'a.local', clock: systemClock }));

test('each step waits for everybody, and says for whom and why', async () => {
  const sidecars = await open();
  const { rotation, authority } = sidecars;
  const old = authority.active.fingerprint;
  sidecars.report('a-1');
  sidecars.report('b-1');
  let over = false;
  const done = rotation.start().then(() => {
    over = true;
  });
  await eventually(() => assert.equal(sidecars.steps.length, 1));
  const waits = (): string[] => rotation.blockers.map(({ workload, reason }) => `${workload}: ${reason}`);
  assert.deepEqual(waits(), ['a-1: its sidecar has not taken the roots yet', 'b-1: its sidecar has not taken the roots yet']);
  sidecars.report('a-1');
  sidecars.report('b-1', old, { roots: [old], problem: 'certificate is for another key' });
  assert.deepEqual(waits(), ['b-1: its sidecar has not taken the roots yet: it refused them (certificate is for another key)']);
  assert.equal(authority.phase, 'prepared');

  sidecars.report('b-1');
  await eventually(() => assert.equal(authority.phase, 'activated'));
  assert.notEqual(authority.active.fingerprint, old);
  assert.match(waits()[0] ?? '', /^a-1: its sidecar still shows a certificate of the root before$/);
  sidecars.report('a-1');
  sidecars.members = sidecars.members.map(each => (each.workload === 'b-1' ? { ...each, connected: false } : each));
  assert.deepEqual(waits(), ['b-1: its sidecar is not connected']);
  sidecars.members = sidecars.members.map(each => (each.workload === 'b-1' ? { ...each, connected: true, report: null } : each));
  assert.deepEqual(waits(), ['b-1: its sidecar does not say what it trusts']);

  sidecars.report('b-1');
  await eventually(() => assert.equal(authority.phase, 'stable'));
  assert.equal(over, false, 'not before the old root is forgotten');
  assert.equal(rotation.underWay, true);
  sidecars.report('a-1');
  sidecars.report('b-1');
  await done;
  assert.deepEqual(
    sidecars.steps.map(step => step.split(':')[0]),
    ['prepared', 'activated', 'stable', 'stable'],
  );
  assert.equal(rotation.underWay, false);
});

test('pods that go and sidecars without a certificate hold nobody up', async () => {
  const sidecars = await open();
  sidecars.report('a-1');
  sidecars.report('new-1', '', { svid: null, roots: [] });
  const done = sidecars.rotation.start();
  await eventually(() => assert.equal(sidecars.rotation.blockers.length, 1));
  sidecars.members = sidecars.members.filter(each => each.workload === 'new-1');
  sidecars.rotation.look();
  await done;
});

test('a step that cannot be stored is not taken, and is told', async () => {
  const sidecars = await open();
  const directory = join(home, String(count));
  await rm(directory, { recursive: true });
  await writeFile(directory, 'in the way');
  await assert.rejects(sidecars.rotation.start(), PkiError);
  assert.equal(sidecars.authority.phase, 'stable');
  assert.equal(sidecars.rotation.underWay, false);
  assert.deepEqual(sidecars.steps, []);
});

test('a root in the last tenth of its life is changed by itself', async () => {
  const clock = manualClock();
  const dayMs = 86_400_000;
  const authority = await Authority.open({ directory: fresh(), trustDomain: 'a.local', clock });
  const first = authority.active.fingerprint;
  const sidecars = new Sidecars(authority, clock);
  clock.advance(3280 * dayMs);
  assert.equal(authority.active.fingerprint, first);
  clock.advance(6 * dayMs);
  await eventually(() => assert.notEqual(authority.active.fingerprint, first));
  await eventually(() => assert.equal(sidecars.rotation.underWay, false));
  sidecars.rotation.close();
});
