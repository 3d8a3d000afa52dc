/** What a mesh shows of its traffic, on a real engine: golden signals by service, edge and rule, refused calls, the map, and all of it after a daemon that was killed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { EdgeStats, GraphDocument, RoutesDocument, StatsDocument } from '../../src/api/stats.ts';
import { EchoMesh } from '../support/echo-mesh.ts';
import { eventually } from '../support/eventually.ts';

const rules = `
    - {name: canary, split: {v1: 90, v2: 10}, exact: true}`;
const access = 'access: [{from: web, to: relay}, {from: relay, to: echo, methods: [GET]}]';
/** Longer than the whole test. */
const window = ['--window', '14m'] as const;

let mesh: EchoMesh;

before(async () => {
  mesh = await EchoMesh.create('e2e-insight', rules, '', access);
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
  for (let i = 0; i < 40; i++) assert.equal((await mesh.call('echo:7000/fine')).status, 200);
  for (let i = 0; i < 10; i++) assert.equal((await mesh.call('echo:7000/bad', { headers: { 'x-status': '500' } })).status, 500);
  for (let i = 0; i < 5; i++) assert.equal((await mesh.call('echo:7000/write', { method: 'POST' })).status, 403);
});

after(async () => {
  await mesh?.[Symbol.asyncDispose]();
});

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await mesh.mesh(...args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
}

async function text(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await mesh.mesh(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Calls of `relay` to `echo`, all versions together. */
function toEcho({ edges }: StatsDocument): { readonly requests: number; readonly failures: number; readonly denied: number } {
  const found = edges.filter(({ source, destination }) => source.name === 'relay' && destination.name === 'echo');
  const sum = (field: 'requests' | 'failures' | 'denied'): number => found.reduce((all, { total }) => all + total[field], 0);
  return { requests: sum('requests'), failures: sum('failures'), denied: sum('denied') };
}

/** A second until the sidecars tell, and one until the daemon has it. */
async function settled(): Promise<StatsDocument> {
  return eventually(async () => {
    const document = await json<StatsDocument>('stat', ...window, '--json');
    assert.deepEqual(toEcho(document), { requests: 55, failures: 10, denied: 5 });
    return document;
  });
}

describe('what the mesh shows', () => {
  test('every call is counted once, by version, with failures and refusals told apart', async () => {
    const { services } = await settled();
    const of = (name: string, version = '') => services.find(each => each.name === name && each.version === version)?.total;
    assert.deepEqual(
      ['v1', 'v2'].map(version => of('echo', version)?.requests ?? 0).reduce((sum, n) => sum + n),
      55,
    );
    assert.deepEqual([of('relay')?.requests, of('relay')?.failures, of('relay')?.successRate], [55, 0, 1]);
    assert.ok((of('relay')?.p99Ms ?? 0) > 0);
    assert.match(await text('stat', ...window), /^relay +- +service +100\.0% +0\.0\d /m);
    assert.match(await text('stat', '--by', 'edge', ...window), /^relay +echo@v1 +http +\d\d\.\d% /m);
  });

  test('edges are secured, and both ends are named', async () => {
    const { edges } = await json<{ readonly edges: readonly EdgeStats[] }>('edges', ...window, '--json');
    const edge = edges.find(({ source, destination }) => source.name === 'web' && destination.name === 'relay');
    assert.deepEqual(
      [
        edge?.secured,
        edge?.source.kind,
        edge?.source.principal?.split('/').at(-1),
        edge?.destination.principal?.split('/').at(-1),
      ],
      [true, 'gateway', 'web', 'relay'],
    );
    assert.match(await text('edges', ...window), /^web +relay +http +mTLS +default\/web +default\/relay +100\.0%/m);
  });

  test('shares of a split stand beside those that the weights ask for', async () => {
    const { routes } = await json<RoutesDocument>('routes', 'echo', ...window, '--json');
    const canary = routes.find(({ rule }) => rule === 'canary');
    assert.deepEqual([canary?.hits, canary?.failures, canary?.inForce], [55, 10, true]);
    const [v1, v2] = canary?.destinations ?? [];
    assert.deepEqual([v1?.version, v1?.intended, v2?.version, v2?.intended], ['v1', 0.9, 'v2', 0.1]);
    // Smooth turns: 9 and 1 of every 10.
    assert.ok(Math.abs((v2?.hits ?? 0) - 5.5) <= 1, `${v2?.hits} hits`);
    assert.match(await text('routes', ...window), /^echo +canary +55 +10 +echo@v1 +(?:89|90|91)\.\d% +90\.0%$/m);
  });

  test('the map has callers, callees and refusals, in every form', async () => {
    const graph = await json<GraphDocument>('graph', ...window, '--format', 'json');
    assert.deepEqual(
      graph.nodes.map(({ id }) => id),
      ['echo@v1', 'echo@v2', 'relay', 'web'],
    );
    assert.match(await text('graph', ...window), /^relay\n {2}→ echo@v1 .*\d denied, mTLS$/m);
    assert.match(
      await text('graph', ...window, '--format', 'dot'),
      /^ {2}"relay" -> "echo@v1" \[label=".* denied, mTLS", color=red\];$/m,
    );
    assert.match(
      await text('graph', ...window, '--format', 'mermaid'),
      /^ {2}n3 -->\|"100\.0%, [\d.]+ rps, p95 \w+, mTLS"\| n2$/m,
    );
  });

  test('refused calls are an event', async () => {
    assert.match(await text('events'), /! echo refused (?:a call|\d calls) of relay by its access rules/);
    const events = (await text('events', '--json'))
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as { kind: string });
    assert.ok(events.some(({ kind }) => kind === 'denied') && events.some(({ kind }) => kind === 'ready'));
  });

  test('top goes on, one table after the other to a pipe', async () => {
    await using top = mesh.start('top', '--window', '14m');
    await eventually(() => assert.ok(top.stdout.split('SOURCE').length > 2, top.stdout));
    assert.doesNotMatch(top.stdout, /\u001b/);
    assert.match(top.stdout, /^SOURCE +DESTINATION/);
    top.child.kill('SIGINT');
    assert.equal((await top.exited()).code, 0);
  });

  test('an unknown length of time is refused with what would be right', async () => {
    const { code, stderr } = await mesh.mesh('stat', '--window', 'long');
    assert.equal(code, 64);
    assert.match(stderr, /--window/);
  });

  test('a daemon that was killed has forgotten nothing, and counts on', async () => {
    const { pid } = (await mesh.status()).daemon;
    process.kill(pid, 'SIGKILL');
    await eventually(() => assert.throws(() => process.kill(pid, 0)));
    const up = await mesh.mesh('up', '-d', '--wait');
    assert.equal(up.code, 0, up.stderr);
    await settled();
    // Sidecars tell the new daemon what happens from its first question on.
    await eventually(async () => {
      assert.equal((await mesh.call('echo:7000/fine')).status, 200);
      const { requests } = toEcho(await json<StatsDocument>('stat', ...window, '--json'));
      assert.ok(requests > 55, `${requests} requests`);
    });
  });
});
