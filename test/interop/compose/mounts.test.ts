import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MountConfig } from '../../../src/config/mesh-config.ts';
import { splitShort } from '../../../src/interop/compose/mounts.ts';
import { app, container, said } from './app.ts';

const top = 'volumes: {data: , d: }';
const bind = (source: string, target: string, readOnly = false, createHostPath = true): MountConfig => ({
  kind: 'bind',
  source,
  target,
  readOnly,
  createHostPath,
});

test('Windows drives are no volumes', () => {
  assert.deepEqual(splitShort('C:\\src:/app:ro'), ['C:\\src', '/app', 'ro']);
  assert.deepEqual(splitShort('C:/src:/app'), ['C:/src', '/app']);
  assert.deepEqual(splitShort('d:/data:ro'), ['d', '/data', 'ro']);
});

describe('volumes', () => {
  const cases: readonly (readonly [string, MountConfig])[] = [
    ['data:/var/lib', { kind: 'volume', source: 'data', target: '/var/lib', readOnly: false }],
    ['data:/var/lib:ro', { kind: 'volume', source: 'data', target: '/var/lib', readOnly: true }],
    ['d:/var/lib', { kind: 'volume', source: 'd', target: '/var/lib', readOnly: false }],
    ['/anonymous', { kind: 'anonymous', target: '/anonymous', readOnly: false }],
    ['./src:/app', bind('/project/shop/src', '/app')],
    ['.:/app:cached', bind('/project/shop', '/app')],
    ['../up:/app', bind('/project/up', '/app')],
    ['~/x:/app', bind('/home/someone/x', '/app')],
    ['~:/app', bind('/home/someone', '/app')],
    ['/var/run/docker.sock:/var/run/docker.sock', bind('/var/run/docker.sock', '/var/run/docker.sock')],
    ['{type: bind, source: ./a, target: /a, read_only: true}', bind('/project/shop/a', '/a', true)],
    ['{type: bind, source: ./a, target: /a, bind: {create_host_path: false}}', bind('/project/shop/a', '/a', false, false)],
    ['{type: volume, source: data, target: /a}', { kind: 'volume', source: 'data', target: '/a', readOnly: false }],
    ['{type: volume, target: /a}', { kind: 'anonymous', target: '/a', readOnly: false }],
  ];
  for (const [written, mount] of cases) {
    test(written, async () => {
      const { container, load } = await app(`volumes:\n  - ${written}`, { top });
      assert.deepEqual(load.diagnostics, []);
      assert.deepEqual(container.mounts, [mount]);
    });
  }

  const mistakes: readonly (readonly [string, string])[] = [
    ['dta:/x', 'services.app.volumes[0] compose-unknown-volume'],
    ['data:relative', 'services.app.volumes[0] compose-invalid-value'],
    ['./a:/a:rx', 'services.app.volumes[0] compose-invalid-value'],
    ['a:b:c:d', 'services.app.volumes[0] compose-invalid-value'],
    ['{type: bind, target: /a}', 'services.app.volumes[0] compose-missing-field'],
    ['{type: bind, source: ./a}', 'services.app.volumes[0] compose-missing-field'],
    ['{type: bnid, source: ./a, target: /a}', 'services.app.volumes[0].type compose-invalid-value'],
    ['{type: bind, src: ./a, source: ./a, target: /a}', 'services.app.volumes[0].src unknown-field'],
  ];
  for (const [written, expected] of mistakes) {
    test(`${written} is refused`, async () => {
      const { load } = await app(`volumes:\n  - ${written}`, { top });
      assert.deepEqual(
        said(load.diagnostics).map(line => line.split(' ').slice(2).join(' ')),
        [expected],
      );
    });
  }

  test('the nearest declared volume is named', async () => {
    const { load } = await app('volumes: ["dtaa:/x"]', { top });
    assert.match(load.diagnostics[0]?.hint ?? '', /did you mean `data`/);
  });

  test('tmpfs: its key, and the long form with size and mode', async () => {
    const found = await container('tmpfs: /run\nvolumes: [{type: tmpfs, target: /cache, tmpfs: {size: 64m, mode: 1023}}]');
    assert.deepEqual(found.tmpfs, ['/run', '/cache:size=67108864,mode=1777']);
    assert.deepEqual(found.mounts, []);
  });

  test('a later volume for the same place replaces the earlier one', async () => {
    const { container, mountPlaces } = await app('volumes: ["./a:/x", "./b:/x"]');
    assert.deepEqual(container.mounts, [bind('/project/shop/b', '/x')]);
    assert.equal(mountPlaces.get('/x')?.path, 'services.app.volumes[1]');
  });
});

describe('secrets and configs', () => {
  const declared = `secrets: {password: {file: ./password.txt}, key: {environment: API_KEY}}
configs: {nginx: {file: nginx.conf}, motd: {environment: MOTD}}`;

  test('are mounted where compose puts them', async () => {
    const { container, load } = await app(
      'secrets: [password, {source: key, target: api/key}]\nconfigs: [nginx, {source: motd, target: /etc/motd}]',
      {
        top: declared,
      },
    );
    assert.deepEqual(load.diagnostics, []);
    assert.deepEqual(container.mounts, [
      { kind: 'secret', source: 'password', target: '/run/secrets/password' },
      { kind: 'secret', source: 'key', target: '/run/secrets/api/key' },
      bind('/project/shop/nginx.conf', '/nginx', true, false),
      { kind: 'secret', source: 'config.motd', target: '/etc/motd' },
    ]);
    assert.deepEqual(load.secrets, [
      { name: 'config.motd', from: { kind: 'environment', variable: 'MOTD' } },
      { name: 'key', from: { kind: 'environment', variable: 'API_KEY' } },
      { name: 'password', from: { kind: 'file', path: '/project/shop/password.txt' } },
    ]);
  });

  test('one that is not declared, and one that only Swarm has, are errors', async () => {
    const { load } = await app('secrets: [pasword, {source: swarm, mode: 0400}]', {
      top: 'secrets: {password: {file: a}, swarm: {external: true}}',
    });
    assert.deepEqual(said(load.diagnostics), [
      'error 4:15 services.app.secrets[0] compose-unknown-secret',
      'warning 4:40 services.app.secrets[1].mode compose-key-ignored',
      'error 5:32 secrets.swarm compose-unsupported',
    ]);
  });
});
