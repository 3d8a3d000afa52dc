/** What a foreign mesh.yaml could ask for, and what a yes covers. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Diagnostic } from '../../src/config/diagnostic.ts';
import { load } from '../../src/config/load.ts';
import { loadCompose } from '../../src/interop/compose/load-compose.ts';

let repository: string;
let dir: string;

before(async () => {
  repository = await mkdtemp(join(tmpdir(), 'mesh-asks-'));
  dir = join(repository, 'clone', 'shop');
  await mkdir(join(dir, 'data'), { recursive: true });
  await mkdir(join(repository, 'clone', '.git'));
  await writeFile(join(repository, 'outside.env'), 'A=1\n');
  await writeFile(join(repository, 'Dockerfile'), 'FROM scratch\n');
  await writeFile(join(repository, 'clone', 'inside.env'), 'A=1\n');
  await writeFile(join(repository, 'clone', 'Dockerfile'), 'FROM scratch\n');
  await symlink('/etc', join(dir, 'link'));
  await symlink('/', join(dir, 'data', 'root'));
  await symlink('/var/run/docker.sock', join(dir, 'sock'));
});
after(() => rm(repository, { recursive: true, force: true }));

async function asked(service: string, more = '', granted: readonly string[] = []): Promise<readonly Diagnostic[]> {
  const file = join(dir, 'mesh.yaml');
  await writeFile(file, `services: {a: {image: x, port: 80, ${service}}}\n${more}\n`);
  const options = { file, env: { HOME: '/home/me' }, profiles: [], project: null, composeLoader: loadCompose };
  const { config, diagnostics } = await load({ ...options, granted: new Set(granted) });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  assert.equal(config === null, errors.length > 0);
  return diagnostics.filter(({ severity, grant }) => severity === 'error' || grant !== undefined);
}

for (const [what, service, more, grant] of [
  ['a folder of the host', 'volumes: ["/etc:/x"]', '', 'mount /etc at /x'],
  ['one to read', 'volumes: ["/etc:/x:ro"]', '', 'mount /etc at /x, read-only'],
  ['the root', 'volumes: ["/:/x"]', '', 'mount / at /x'],
  ['/proc', 'volumes: ["/proc:/x"]', '', 'mount /proc at /x'],
  ['/sys', 'volumes: [{type: bind, source: /sys, target: /x}]', '', 'mount /sys at /x'],
  ['a link out of the project', 'volumes: ["./link:/x"]', '', 'mount /etc at /x'],
  ['a folder behind a link', 'volumes: ["./data/root/root/.ssh:/x"]', '', 'mount /root/.ssh at /x'],
  ['a way out of the project', 'volumes: ["../../../../../../etc:/x"]', '', 'mount /etc at /x'],
  [
    'a volume that is a folder',
    'volumes: ["v:/x"]',
    'volumes: {v: {driver_opts: {type: none, o: bind, device: /etc}}}',
    'mount /etc at /x',
  ],
  [
    'one that brings its children',
    'volumes: ["v:/x"]',
    'volumes: {v: {driver_opts: {o: "ro,rbind", device: /etc}}}',
    'mount /etc at /x',
  ],
  [
    'a disk of the host',
    'volumes: ["v:/x"]',
    'volumes: {v: {driver_opts: {type: ext4, device: /dev/sda1}}}',
    'mount /dev/sda1 at /x',
  ],
  ['a secret that is any file', 'secrets: [s]', 'secrets: {s: {file: /etc/shadow}}', 'mount /etc/shadow at /run/secrets/s'],
  ['a config that is', 'configs: [s]', 'configs: {s: {file: ./link/shadow}}', 'mount /etc/shadow at /s, read-only'],
  ['a disk as device', 'devices: ["/dev/sda:/dev/x:r"]', '', 'device /dev/sda:/dev/x:r'],
  ['privileged', 'privileged: true', '', 'privileged'],
  ['a capability in any spelling', 'cap_add: [cap_sys_admin]', '', 'capability cap_sys_admin'],
  ['forged addresses', 'cap_add: [NET_RAW]', '', 'capability NET_RAW'],
  ['no seccomp', 'security_opt: ["seccomp:unconfined"]', '', 'security option seccomp:unconfined'],
  ['no AppArmor', 'security_opt: ["apparmor=unconfined"]', '', 'security option apparmor=unconfined'],
] as const)
  test(`${what} needs a yes, and a yes to it is enough`, async () => {
    const [one, ...others] = await asked(service, more);
    assert.deepEqual([one?.severity, one?.grant, others], ['error', `a: ${grant}`, []]);
    assert.match(one?.hint ?? '', /--allow-privileged/);
    const [agreed] = await asked(service, more, [`a: ${grant}`]);
    assert.deepEqual([agreed?.severity, agreed?.hint.includes('--allow-privileged')], ['warning', false]);
    for (const other of [`b: ${grant}`, `a: ${grant}x`, grant]) {
      const [still] = await asked(service, more, [other]);
      assert.equal(still?.severity, 'error', `a yes to "${other}" is none to this`);
    }
  });

test('the engine, by whatever name', async () => {
  for (const path of ['/var/run/docker.sock', '/run/docker.sock', '/var/run', '/run', './sock', '/run/podman/podman.sock'])
    assert.deepEqual(
      (await asked(`volumes: ["${path}:/x"]`)).map(({ code }) => code),
      ['docker-socket'],
      path,
    );
});

test('variables and images come from the project, or from the repository it was cloned with', async () => {
  const file = await asked(`env_file: ${repository}/outside.env`);
  assert.deepEqual(
    file.map(({ code, grant }) => [code, grant]),
    [['host-files', `a: env_file ${repository}/outside.env`]],
  );
  const build = await asked(`build: ${repository}`);
  assert.deepEqual(
    build.map(({ code, grant }) => [code, grant]),
    [['host-files', `a: build ${repository}`]],
  );
  assert.deepEqual(await asked('build: .., env_file: [{path: ../inside.env}]'), []);
  assert.deepEqual(
    (await asked('volumes: ["..:/x"]')).map(({ code }) => code),
    ['host-mount'],
  );
});

test('the keys of the mesh are for nobody', async () => {
  for (const path of ['./.mesh', './.mesh/pki', '../shop/.mesh'])
    assert.deepEqual(
      (await asked(`volumes: ["${path}:/x"]`, '', ['a: null'])).map(({ code, grant }) => [code, grant]),
      [['state-mount', undefined]],
    );
});

test('nor are they for images and variables', async () => {
  for (const asks of [
    'build: .mesh',
    'build: {context: ./.mesh/pki, dockerfile: ../../Dockerfile}',
    'env_file: .mesh/pki/ca.pem',
  ])
    assert.ok(
      (await asked(asks, '', ['a: null'])).some(({ code, grant }) => code === 'state-mount' && grant === undefined),
      asks,
    );
});

test('a container that gets the whole project gets it without the keys', async () => {
  const file = join(dir, 'mesh.yaml');
  const covered = async (service: string, more = ''): Promise<readonly string[] | undefined> => {
    await writeFile(file, `services: {a: {image: x, port: 80, ${service}}}\n${more}\n`);
    const options = { file, env: {}, profiles: [], project: null, composeLoader: loadCompose, allowPrivileged: true };
    return (await load(options)).config?.services[0]?.versions[0]?.container.tmpfs;
  };
  const cover = 'ro,size=4k,mode=0';
  assert.deepEqual(await covered('volumes: [".:/app"]'), [`/app/.mesh:${cover}`]);
  assert.deepEqual(await covered('volumes: [".:/app:ro", "./data:/data"]'), [`/app/.mesh:${cover}`]);
  assert.deepEqual(await covered('volumes: ["./:/app/"], tmpfs: [/tmp]'), ['/tmp', `/app/.mesh:${cover}`]);
  assert.deepEqual(await covered('volumes: ["..:/up"]'), [`/up/shop/.mesh:${cover}`]);
  assert.deepEqual(await covered('volumes: ["./data/root:/host"]'), [`/host${dir}/.mesh:${cover}`]);
  const declared = `volumes: {v: {driver_opts: {type: none, o: bind, device: ${dir}}}}`;
  assert.deepEqual(await covered('volumes: ["v:/app"]', declared), [`/app/.mesh:${cover}`]);
  assert.deepEqual(await covered('volumes: [".:/app", "/app/.mesh"]'), []);
  assert.deepEqual(await covered('volumes: ["./data:/app"]'), []);
});

test('what takes nothing away needs no yes', async () => {
  const quiet = `volumes: ["./data:/x", "/etc/localtime:/etc/localtime:ro", "v:/v"], devices: [/dev/null],
    security_opt: ["no-new-privileges:true"], cap_add: [NET_BIND_SERVICE, SYS_NICE]`;
  assert.deepEqual(await asked(quiet, 'volumes: {v: {driver_opts: {type: nfs, o: "addr=nas,rw", device: ":/share"}}}'), []);
});
