/** Who may call whom, on a real engine: learned from traffic, pasted into mesh.yaml while it runs, enforced, explained, shown as a matrix. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import type { AccessCheckDocument, AccessMatrixDocument } from '../../src/api/access.ts';
import { EchoMesh } from '../support/echo-mesh.ts';
import { eventually } from '../support/eventually.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const rules = `
    - {name: everything, to: v1}`;

let mesh: EchoMesh;

before(async () => {
  mesh = await EchoMesh.create('e2e-access', rules, '', '# access goes here');
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
});

after(async () => {
  await mesh?.[Symbol.asyncDispose]();
});

/** Replaces what mesh.yaml says of access; resolves when the sidecars act on it. */
async function setAccess(text: string): Promise<void> {
  const before = (await mesh.status()).config;
  await mesh.edit(all => `${all.slice(0, all.indexOf('# access'))}# access goes here\n${text}\n`);
  await eventually(async () => {
    const { version, lastReload, diagnostics } = (await mesh.status()).config;
    assert.notEqual(version, before.version, JSON.stringify(diagnostics));
    // The version is there before the sidecars act on it.
    assert.notEqual(lastReload?.at, before.lastReload?.at);
    assert.ok(lastReload?.ok === true && lastReload.summary.includes('acked'), lastReload?.summary ?? 'no reload');
  });
}

async function check(...words: string[]): Promise<{ readonly code: number | null; readonly document: AccessCheckDocument }> {
  const { code, stdout, stderr } = await mesh.mesh('access', 'check', ...words, '--json');
  assert.notEqual(stdout, '', stderr);
  return { code, document: JSON.parse(stdout) as AccessCheckDocument };
}

describe('access on a running mesh', () => {
  test('without rules everybody may call everybody, and the matrix says so', async () => {
    assert.equal((await mesh.call('echo:7000/anything')).status, 200);
    const { stdout, code, stderr } = await mesh.mesh('access', 'list', '--json');
    assert.equal(code, 0, stderr);
    const { cells } = JSON.parse(stdout) as AccessMatrixDocument;
    assert.deepEqual(
      cells.map(cell => `${cell.from} ${cell.to} ${cell.verdict}`),
      ['relay echo allowed', 'web echo allowed', 'echo relay allowed', 'web relay allowed'],
    );
  });

  test('what is learned from traffic is pasted and allows just that', async () => {
    const orders = async (): Promise<null> => {
      const { status } = await mesh.get(`/echo:7000/orders/${Math.round(performance.now())}`);
      assert.equal(status, 200);
      return null;
    };
    await using learning = mesh.start('access', 'learn', '--for', '10m', '--requests');
    await using load = new SteadyLoad(2, orders);
    await eventually(() => assert.match(learning.stderr, /watching/));
    await load.more(50);
    learning.child.kill('SIGINT');
    const learned = await learning.exited();
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.equal(learned.code, 0, learned.stderr);
    assert.deepEqual(parse(learned.stdout), {
      access: {
        default: 'deny',
        rules: [
          { from: 'relay', to: 'echo', ports: 7000, methods: 'GET', paths: '/orders/{*}' },
          { from: 'web', to: 'relay', ports: 7001, methods: 'GET', paths: '/echo:7000/orders/{*}' },
        ],
      },
    });
    await setAccess(learned.stdout);
    await orders();
    const refused = await mesh.get('/echo:7000/admin');
    assert.deepEqual([refused.status, refused.body], [403, 'RBAC: access denied']);
    assert.equal((await mesh.get('/echo:7000/orders/1/items')).status, 403);
  });

  test('one sentence for each caller is enough; what it does not allow is refused at the one that is called', async () => {
    await setAccess('access: [{from: web, to: relay}, {name: reads, from: relay, to: echo, methods: [GET]}]');
    assert.equal((await mesh.call('echo:7000/a')).status, 200);
    const refused = await mesh.call('echo:7000/a', { method: 'POST' });
    assert.deepEqual([refused.status, refused.body], [403, 'RBAC: access denied']);
    await eventually(async () => {
      const { stdout } = await mesh.mesh('logs', '--sidecar', 'echo');
      assert.match(stdout, /"POST \/a HTTP\/1.1" 403 - rbac_access_denied_matched_policy\[none\]/);
    });
  });

  test('the matrix shows what is allowed, refused, and what depends on the request', async () => {
    const { stdout } = await mesh.mesh('access', 'list');
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      'FROM \\ TO  echo  relay',
      'echo             -',
      'relay      some',
      'web        -     yes',
      '',
      'relay → echo:7000: depends on reads',
    ]);
  });

  test('one call is judged by the sidecar that it would reach, with the rule and the reason', async () => {
    const read = await check('relay', 'GET', 'http://echo:7000/a');
    assert.equal(read.code, 0);
    assert.equal(read.document.destinations[0]?.rule, 'reads');
    const write = await check('relay', 'POST', 'http://echo:7000/a');
    assert.equal(write.code, 1);
    const [judged] = write.document.destinations;
    assert.deepEqual([judged?.workload, judged?.verdict, judged?.rule], ['echo-v1-1', 'denied', null]);
    assert.deepEqual(
      judged?.rules.map(rule => [rule.name, rule.failed]),
      [['reads', 'the method is not GET']],
    );
    const edge = await check('web', 'GET', `http://localhost:${mesh.gatewayPort}/x`);
    assert.deepEqual([edge.code, edge.document.destinations[0]?.service], [0, 'relay']);
    const stranger = await check('nobody', 'GET', 'http://echo:7000/a');
    assert.equal(stranger.code, 1);
    assert.match(stranger.document.destinations[0]?.reason ?? '', /mTLS is strict/);
  });

  test('a rule that is taken away is gone for the next request, and nothing else fails meanwhile', async () => {
    await using load = new SteadyLoad(2, async () => {
      const { status } = await mesh.call('echo:7000/b');
      return status === 200 ? null : `${status}`;
    });
    await load.more(20);
    await setAccess('access: {default: deny, rules: [{from: web, to: relay}, {from: relay, to: echo, paths: [/b]}]}');
    assert.equal((await mesh.call('echo:7000/a')).status, 403);
    await load.more(20);
    await load.stop();
    assert.deepEqual(load.failures, []);
  });
});
