/** Certificates and roots of a running mesh change under load, through everything that the daemon and its sidecars may do meanwhile. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../../src/async/clock.ts';
import { createCsr } from '../../src/identity/certificate-request.ts';
import { serviceId } from '../../src/identity/spiffe-id.ts';
import { Authority } from '../../src/pki/authority.ts';
import { eventually } from '../support/eventually.ts';
import { LoopbackMesh, type LoopbackMeshOptions } from '../support/loopback-mesh.ts';
import { echoOnce, Http1Caller, Http2Caller, LongTalk } from '../support/mesh-callers.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { newKey } from '../support/test-ca.ts';

const home = await mkdtemp(join(tmpdir(), 'mesh-rotation-'));
after(() => rm(home, { recursive: true, force: true }));
let count = 0;
const start = (options: Partial<LoopbackMeshOptions> = {}) =>
  LoopbackMesh.start({ directory: join(home, String(++count)), svidTtlMs: 3_600_000, ...options });

/** Every kind of caller, one after the other, again and again. */
function load(mesh: LoopbackMesh): SteadyLoad & { readonly h1: Http1Caller } {
  const h1 = new Http1Caller();
  const h2 = new Http2Caller();
  let turn = 0;
  const steady = new SteadyLoad(3, () => {
    turn += 1;
    if (turn % 3 === 0) return h1.call(mesh.address('web'), 'web:8101');
    return turn % 3 === 1 ? h2.call(mesh.address('grpc'), 'grpc:8102') : echoOnce(mesh.address('raw'));
  });
  return Object.assign(steady, { h1 });
}

const issuedTo = (mesh: LoopbackMesh, workload: string): number =>
  mesh.events.filter(event => event.kind === 'issued' && event.workload === workload).length;

test('SVIDs of four seconds are renewed, and the root is changed, and no request fails', async () => {
  await using mesh = await start({ svidTtlMs: 4000 });
  const before = mesh.authority.active.fingerprint;
  using talk = new LongTalk(mesh.address('raw'));
  assert.equal(await talk.say('before'), null);
  await using requests = load(mesh);
  await eventually(() => assert.ok([...mesh.pods.keys()].every(workload => issuedTo(mesh, workload) >= 5)), {
    timeoutMs: 30_000,
  });
  assert.equal(await talk.say('a connection from before four certificates'), null);
  await mesh.control.identities.rotation.start();
  await requests.more(200);
  await requests.stop();
  assert.deepEqual([...new Set(requests.failures)], []);
  assert.notEqual(mesh.authority.active.fingerprint, before);
  for (const workload of mesh.pods.keys())
    assert.equal(mesh.control.identities.svidOf(workload)?.root, mesh.authority.active.fingerprint);
});

/** A daemon that ends right after a step of the change was stored, and one that ends before it told anybody, are the same to who comes after. */
for (const crashed of ['prepared', 'activated', 'retired'] as const) {
  test(`a daemon that ends when the change is ${crashed} leaves one that its successor completes`, async () => {
    await using mesh = await start();
    const old = mesh.authority.active.fingerprint;
    await using requests = load(mesh);
    if (crashed === 'prepared') {
      mesh.stopDaemon();
      await mesh.authority.prepare();
    } else {
      // Everybody has done what the step before asked for; the step itself nobody has heard of.
      const phase = crashed === 'activated' ? 'prepared' : 'activated';
      const begun = mesh.control.identities.rotation.start();
      begun.catch(() => undefined);
      await new Promise<void>(resolve => {
        const stop = mesh.control.on(event => {
          if (event.kind !== 'roots' || event.phase !== phase) return;
          stop();
          resolve();
        });
      });
      const waits = () => mesh.control.identities.rotation.blockers.length;
      await eventually(() => assert.ok(waits() === 0 || mesh.authority.phase !== phase));
      mesh.stopDaemon();
    }
    await requests.more(20);
    await mesh.startDaemon();
    await eventually(() => assert.equal(mesh.control.identities.rotation.underWay, false));
    await requests.more(50);
    await requests.stop();
    assert.deepEqual([...new Set(requests.failures)], []);
    assert.equal(mesh.authority.phase, 'stable');
    assert.notEqual(mesh.authority.active.fingerprint, old);
    for (const workload of mesh.pods.keys())
      assert.equal(mesh.control.identities.svidOf(workload)?.root, mesh.authority.active.fingerprint);
  });
}

test('a sidecar that cannot be reached holds the change up by name, and catches up when it is back', async () => {
  await using mesh = await start();
  const old = mesh.authority.active.fingerprint;
  mesh.unreachable.add('raw-1');
  mesh.observe();
  await using requests = load(mesh);
  const { rotation } = mesh.control.identities;
  const done = rotation.start();
  const blocked = [{ workload: 'raw-1', reason: 'its sidecar is not connected' }];
  await eventually(() => assert.deepEqual(rotation.blockers, blocked));
  assert.equal(mesh.authority.active.fingerprint, old, 'nobody signs with a root that somebody does not trust');
  await requests.more(30);
  mesh.unreachable.clear();
  mesh.observe();
  await done;
  assert.notEqual(mesh.authority.active.fingerprint, old);
  await requests.more(30);
  await requests.stop();
  assert.deepEqual([...new Set(requests.failures)], []);
});

test('a sidecar that is started anew with the root of its pod is found again, whatever has changed since', async () => {
  await using mesh = await start();
  const made = mesh.authority.anchor.fingerprint;
  await mesh.control.identities.rotation.start();
  await mesh.control.identities.rotation.start();
  assert.equal(mesh.authority.anchor.fingerprint, made, 'pods stay as they were made');
  assert.deepEqual(
    mesh.authority.roots.map(root => root.role),
    ['active', 'retired'],
    'the root between the two is forgotten altogether',
  );
  await mesh.killPod('web');
  await mesh.startPod('web');
  await mesh.serves();
  using caller = new Http1Caller();
  assert.equal(await caller.call(mesh.address('web'), 'web:8101'), null);
  assert.deepEqual(mesh.control.identities.svidOf('web-1')?.root, mesh.authority.active.fingerprint);
});

test('without a daemon past the end of the certificates nothing gets through, by name, and all does when it is back', async () => {
  await using mesh = await start({ svidTtlMs: 3000 });
  using caller = new Http1Caller();
  assert.equal(await caller.call(mesh.address('web'), 'web:8101'), null);
  mesh.stopDaemon();
  const said = (word: string) => [...mesh.pods.values()].every(pod => pod.lines.some(line => line.includes(word)));
  await eventually(() => assert.ok(said('svid_expired')), { timeoutMs: 15_000 });
  assert.ok(said('the certificate is not being renewed'));
  // What is connected stays so; a new connection is not made.
  using another = new Http1Caller();
  const problem = await eventually(async () => {
    const outcome = await another.call(mesh.address('web'), 'web:8101');
    assert.notEqual(outcome, null);
    return outcome;
  });
  assert.match(problem ?? '', /status 503/);
  await eventually(() => {
    const logged = mesh.pods.get('caller-1')?.lines.filter(line => line.includes(' 503 ')) ?? [];
    assert.match(logged.at(-1) ?? '', /svid_expired/);
  });
  await mesh.startDaemon();
  const from = performance.now();
  await eventually(async () => assert.equal(await caller.call(mesh.address('web'), 'web:8101'), null));
  // The promise is two seconds; a busy machine gets some more.
  assert.ok(performance.now() - from < 8000);
});

test('HTTP leaves connections from before the change by itself, without waiting to be cut', async () => {
  await using mesh = await start();
  using h1 = new Http1Caller();
  using h2 = new Http2Caller();
  const call = async (): Promise<void> => {
    assert.equal(await h1.call(mesh.address('web'), 'web:8101'), null);
    assert.equal(await h2.call(mesh.address('grpc'), 'grpc:8102'), null);
  };
  await call();
  const before = [...peersOf(mesh.inbound('web')), ...peersOf(mesh.inbound('grpc'))];
  assert.ok(before.length >= 2);
  await mesh.control.identities.rotation.start();
  await call();
  await eventually(() => {
    const now = [...peersOf(mesh.inbound('web')), ...peersOf(mesh.inbound('grpc'))];
    assert.deepEqual(
      now.filter(peer => before.includes(peer)),
      [],
    );
  });
  await call();
});

test('clocks that differ by a minute are no matter; beyond, both are named', async () => {
  const skews: Record<string, number> = { web: 60_000, raw: -60_000 };
  const clock = (service: string): Clock => {
    const skew = skews[service] ?? 0;
    return { ...systemClock, now: () => Date.now() + skew };
  };
  await using mesh = await start({ clock });
  await using requests = load(mesh);
  await requests.more(30);
  await mesh.control.identities.rotation.start();
  await requests.more(30);
  await requests.stop();
  assert.deepEqual([...new Set(requests.failures)], []);
  for (const [skew, words] of [
    [25, /refused.*client certificate has expired at \d{4}-\S*Z, the clock here says \d{4}-\S*Z/],
    [-25, /refused.*client certificate is valid from \d{4}-\S*Z, the clock here says \d{4}-\S*Z/],
  ] as const) {
    skews['web'] = skew * 3_600_000;
    await mesh.killPod('web');
    const { lines } = await mesh.startPod('web');
    mesh.observe();
    await eventually(() => assert.ok(lines.some(line => words.test(line))));
  }
});

test('after the change, whoever has a certificate of the old root is refused, and connections from before are cut', async () => {
  const cuts: (() => void)[] = [];
  const directory = join(home, 'revoked');
  // The time that is left to what was begun, the only one of this length, ends when the test says so.
  const clock = { ...systemClock, after: (ms: number, fn: () => void) => (ms === 45_000 ? hold(fn) : systemClock.after(ms, fn)) };
  const hold = (fn: () => void): (() => void) => {
    cuts.push(fn);
    return () => {};
  };
  await using mesh = await start({ directory, clock: service => (service === 'raw' ? clock : systemClock) });
  await cp(join(directory, 'pki'), join(home, 'stolen', 'pki'), { recursive: true });
  const stolen = await Authority.open({
    directory: join(home, 'stolen', 'pki'),
    trustDomain: 'bookshop.local',
    clock: systemClock,
  });
  const key = newKey();
  const id = serviceId('bookshop.local', 'default', 'caller');
  const { chainPem } = await stolen.issue(createCsr(key, id), id);
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const open = (session?: Buffer): StolenTalk => new StolenTalk(mesh.inbound('raw'), chainPem, keyPem, session);
  using before = open();
  assert.equal(await before.say('x'), 'x');

  await mesh.control.identities.rotation.start();
  using late = open();
  assert.equal(await late.say('x'), 'closed');
  assert.notEqual(before.session, undefined);
  using resumed = open(before.session);
  assert.equal(await resumed.say('x'), 'closed');
  assert.equal(await before.say('y'), 'y', 'what was begun may end');
  for (const cut of cuts) cut();
  assert.equal(await before.say('z'), 'closed');
  assert.equal(await echoOnce(mesh.address('raw')), null);
});

/** Who is connected to an address: the kernel's list, with addresses and ports as it writes them. */
function peersOf({ host, port }: { readonly host: string; readonly port: number }): readonly string[] {
  const hex = (number: number, digits: number): string => number.toString(16).toUpperCase().padStart(digits, '0');
  const address = host
    .split('.')
    .reverse()
    .map(part => hex(Number(part), 2))
    .join('');
  const established = '01';
  return readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local === `${address}:${hex(port, 4)}` && state === established)
    .map(([, , remote]) => remote ?? '');
}

/** Somebody who speaks TLS with a certificate that he should not have. */
class StolenTalk implements Disposable {
  readonly #socket: TLSSocket;
  /** To resume it with. */
  session: Buffer | undefined;

  constructor({ host, port }: { readonly host: string; readonly port: number }, cert: string, key: string, session?: Buffer) {
    this.#socket = connect({ host, port, cert, key, rejectUnauthorized: false, ...(session === undefined ? {} : { session }) });
    this.#socket.on('error', () => {});
    this.#socket.on('session', ticket => {
      this.session = ticket;
    });
  }

  /** The answer, or `closed`. */
  say(text: string): Promise<string> {
    return new Promise(resolve => {
      if (this.#socket.destroyed) resolve('closed');
      this.#socket.once('data', chunk => resolve(String(chunk)));
      this.#socket.once('close', () => resolve('closed'));
      this.#socket.write(text);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
