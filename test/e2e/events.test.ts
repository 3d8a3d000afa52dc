/** What a real mesh tells of itself: ejections, restarts, certificates, a daemon that was killed, and its API's own description. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { socketPath, stateFolder } from '../../src/api/socket-path.ts';
import type { MeshEvent } from '../../src/api/types.ts';
import { eventually } from '../support/eventually.ts';
import { operationsOf, published } from '../support/openapi.ts';
import { serviceLine, TinyMesh } from '../support/tiny-mesh.ts';

const script = `require("http").createServer((q,a)=>{a.statusCode=q.url==="/bad"?500:200;a.end()}).listen(7001)`;
const policy = ', outliers: {consecutive5xx: 3, maxEjected: 100%, interval: 500ms, ejectFor: 500ms}';

let mesh: TinyMesh;
before(async () => {
  mesh = await TinyMesh.create('e2e-events', serviceLine('shaky', 7001, script, policy));
  await mesh.edit(found => found.replace('to: hello', 'to: shaky'));
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
});
after(async () => {
  await mesh?.[Symbol.asyncDispose]();
});

async function events(): Promise<readonly MeshEvent[]> {
  const { code, stdout, stderr } = await mesh.mesh('events', '--json');
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as MeshEvent);
}

/** Waits for an event that fits. */
function told(what: string, fits: (event: MeshEvent) => boolean): Promise<MeshEvent> {
  return eventually(async () => {
    const all = await events();
    const found = all.find(fits);
    assert.ok(found, `${what} is not among ${all.map(event => event.kind).join(', ')}`);
    return found;
  });
}

test('who got certificates is told', async () => {
  // Those of the first second; what comes later is told a minute after it.
  const found = await told('a certificate', event => event.kind === 'certificates');
  const names = found.kind === 'certificates' ? found.workloads : [];
  assert.ok(names.length > 0);
  for (const name of names) assert.ok(['hello-1', 'shaky-1', 'web-1'].includes(name), name);
});

test('an endpoint that fails is left out and comes back, and both are told', async () => {
  for (let i = 0; i < 3; i++) assert.equal((await mesh.get('/bad')).status, 500);
  const by = ['web-1'];
  const found = await told('an ejection', event => event.kind === 'endpoint' && event.change === 'ejected');
  assert.deepEqual(found.kind === 'endpoint' && [found.service, found.endpoint, found.by], ['shaky', 'shaky-1', by]);
  await told('its return', event => event.kind === 'endpoint' && event.change === 'healthy');
});

test('an app that somebody restarted is told', async () => {
  await mesh.docker.getContainer('e2e-events-hello-1').restart({ t: 0 });
  await told('the restart', event => event.kind === 'workload' && event.workload === 'hello-1' && /^app /.test(event.text));
});

test('a daemon that was killed has forgotten nothing, and numbers go on', async () => {
  const before = await events();
  const { pid } = (await mesh.status()).daemon;
  process.kill(pid, 'SIGKILL');
  await eventually(() => assert.throws(() => process.kill(pid, 0)));
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, up.stderr);
  const now = await events();
  assert.deepEqual(now.slice(0, before.length), before);
  assert.deepEqual(
    now.map(({ seq }) => seq),
    now.map((_, index) => index + 1),
  );
  assert.equal(now[before.length]?.kind, 'started');
  const plain = await mesh.mesh('events');
  assert.match(plain.stdout, /shaky-1 of shaky is ejected by web-1[\s\S]* daemon \S+ began \(pid \d+\)/);
});

test('the description of its API is that of the package', async () => {
  const socket = socketPath(stateFolder(mesh.dir, mesh.project), process.env);
  const answer = await new Promise<string>((resolve, reject) => {
    const asked = request({ socketPath: socket, path: '/api/v1/openapi.json' }, response => resolve(text(response)));
    asked.on('error', reject).end();
  });
  assert.deepEqual([...operationsOf(JSON.parse(answer)).keys()], [...operationsOf(published).keys()]);
});
