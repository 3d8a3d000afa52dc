/** Live requests and the access log on a real engine, as the commands show them. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TapExchange, TapLine } from '../../src/api/tap.ts';
import { EchoMesh } from '../support/echo-mesh.ts';
import { eventually } from '../support/eventually.ts';

const log = 'proxy: {accessLog: {format: json, filter: "status >= 400"}}';

let mesh: EchoMesh;
let dir = '';

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-tap-'));
  mesh = await EchoMesh.create('e2e-tap', '    - {name: halves, split: {v1: 50, v2: 50}}', '', log);
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
});

after(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** Runs a tap that ends by itself, with calls until it has. */
async function tap(call: () => Promise<unknown>, ...args: string[]) {
  let over = false;
  const running = mesh.mesh('tap', ...args).finally(() => {
    over = true;
  });
  while (!over) await call();
  const result = await running;
  assert.equal(result.code, 0, result.stderr);
  return result;
}

function exchanges(stdout: string): readonly TapExchange[] {
  const lines = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as TapLine);
  return lines.filter(line => line.kind === 'exchange');
}

const secret = { authorization: 'Bearer topsecret', 'end-user': 'jason' };

describe('mesh tap', () => {
  test('shows calls where they arrive, with who called, and without secrets', async () => {
    const call = () => mesh.call('echo:7000/tapped?token=topsecret', { headers: secret });
    const { stdout } = await tap(call, '--to', 'echo', '--path', '/tapped', '--max', '3', '--json');
    const told = exchanges(stdout);
    assert.equal(told.length, 3);
    for (const { at, caller, called, side, status, target, principal } of told) {
      assert.match(at, /^echo-/);
      assert.deepEqual([caller, called, side, status, target], ['relay', 'echo', 'destination', 200, '/tapped?token=***']);
      assert.match(principal, /\/sa\/relay$/);
    }
    assert.doesNotMatch(stdout, /topsecret/);
  });

  test('filters by status, and reads as a line', async () => {
    const call = async (): Promise<void> => {
      await mesh.call('echo:7000/fine');
      await mesh.call('echo:7000/bad', { headers: { 'x-status': '503' } });
    };
    const { stdout } = await tap(call, '--to', 'echo', '--status', '5xx', '--max', '2');
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, 2);
    for (const line of lines) assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} {2}relay → echo {2}GET \/bad {2}503 /);
  });

  test('at the source it hears from the gateway; an archive is written for its owner alone', async () => {
    const file = join(dir, 'out.har');
    const call = () => mesh.call('echo:7000/archived');
    await tap(call, '--at', 'source', '--from', 'web', '--max', '1', '--body', '--har', file);
    const { log } = JSON.parse(await readFile(file, 'utf8')) as {
      log: { version: string; entries: { request: { method: string } }[] };
    };
    assert.equal(log.version, '1.2');
    assert.equal(log.entries[0]?.request.method, 'GET');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  test('ends after its time, and says what is wrong with it', async () => {
    assert.equal((await mesh.mesh('tap', '--for', '100ms')).code, 0);
    const unknown = await mesh.mesh('tap', '--to', 'ecko');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no service or gateway "ecko"/);
    assert.equal((await mesh.mesh('tap', '--status', 'bad')).code, 64);
  });
});

test('the access log: only what its filter holds for, shown and filtered again', async () => {
  await mesh.call('echo:7000/quiet');
  await mesh.call('echo:7000/loud', { headers: { 'x-status': '404' } });
  await eventually(async () => {
    const { stdout } = await mesh.mesh(
      'logs',
      '--access',
      '--json',
      '--filter',
      'status == 404 and called == echo and caller == relay',
      'echo',
    );
    assert.match(stdout, /"path":"\/loud"/);
  });
  const { stdout } = await mesh.mesh('logs', '--access', 'echo');
  assert.doesNotMatch(stdout, /\/quiet/);
  assert.doesNotMatch(stdout, /mesh-control-key/);
});
