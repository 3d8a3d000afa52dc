import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { type LoadOptions, load } from '../../src/config/load.ts';
import { printDiagnostic } from '../../src/config/print.ts';
import { renderConfig } from '../../src/config/render.ts';
import { loadCompose } from '../../src/interop/compose/load-compose.ts';

let dir = '';
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-load-'));
});
after(() => rm(dir, { recursive: true, force: true }));

let count = 0;
async function loaded(files: Readonly<Record<string, string>>, options: Partial<LoadOptions> = {}) {
  const project = join(dir, `p${count++}`);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(project, name)), { recursive: true });
    await writeFile(join(project, name), text);
  }
  const defaults = { file: join(project, 'mesh.yaml'), env: {}, profiles: [], project: null, composeLoader: loadCompose };
  return { project, ...(await load({ ...defaults, ...options })) };
}

test('a missing file is a diagnostic, and still a file to watch', async () => {
  const file = join(dir, 'nowhere', 'mesh.yaml');
  const result = await load({ file, env: {}, profiles: [], project: null, composeLoader: loadCompose });
  assert.equal(result.config, null);
  assert.deepEqual(
    result.diagnostics.map(one => one.code),
    ['file-not-found'],
  );
  assert.ok(result.files.includes(file));
});

test('the name: -p, then mesh.yaml, then compose, then the folder', async () => {
  const compose = { 'c/compose.yaml': 'name: from-compose\nservices: {web: {image: x}}\n' };
  const withCompose = 'compose: c/compose.yaml\n';
  const names = async (mesh: string, options: Partial<LoadOptions> = {}, files: Readonly<Record<string, string>> = compose) =>
    (await loaded({ 'mesh.yaml': mesh, ...files }, options)).config?.name;
  assert.equal(await names(`name: mine\n${withCompose}`, { project: 'given' }), 'given');
  assert.equal(await names(`name: mine\n${withCompose}`), 'mine');
  assert.equal(await names(withCompose), 'from-compose');
  assert.match((await names('services: {web: {image: x, port: 1}}\n', {}, {})) ?? '', /^p\d+$/);
});

test('a name found in the compose file reaches volumes and image tags', async () => {
  const { config } = await loaded({
    'mesh.yaml': 'compose: compose.yaml\n',
    'compose.yaml': 'name: shop\nservices: {db: {build: ., volumes: ["data:/data"]}}\nvolumes: {data: {}}\n',
    Dockerfile: 'FROM scratch\n',
  });
  assert.equal(config?.volumes[0]?.engineName, 'shop_data');
  assert.match(config?.services[0]?.versions[0]?.container.image ?? '', /^shop/);
});

test('a build without its folder or its Dockerfile is told where that is written', async () => {
  const compose = `services:
  a: {build: ./absent}
  b:
    build:
      context: ./b
      dockerfile: ../shared/Dockerfile
  c: {build: {context: ./b, dockerfile: ../shared/Dockerfiel}}
  d: {build: ./b}
`;
  const { diagnostics } = await loaded({
    'mesh.yaml': 'compose: compose.yaml\n',
    'compose.yaml': compose,
    'b/x': '',
    'shared/Dockerfile': 'FROM scratch\n',
  });
  assert.deepEqual(
    diagnostics.map(one => [one.line, one.column, one.code, one.message.replace(/ was not found: .*\/(?=[^/]+$)/, ' ')]),
    [
      [2, 7, 'file-not-found', 'the folder to build from absent'],
      [7, 29, 'file-not-found', 'the Dockerfile Dockerfiel'],
      [8, 7, 'file-not-found', 'the Dockerfile Dockerfile'],
    ],
  );
});

test('the shell goes before .env, which is watched', async () => {
  const files = { 'mesh.yaml': 'services: {web: {image: "${A}-${B}", port: 1}}\n', '.env': 'A=file\nB=file\n' };
  const { config, project } = await loaded(files, { env: { A: 'shell' } });
  assert.equal(config?.services[0]?.versions[0]?.container.image, 'shell-file');
  assert.ok(config?.files.includes(join(project, '.env')));
});

test('what mesh.yaml says goes on top of the compose file', async () => {
  const { config } = await loaded({
    'mesh.yaml': 'compose: compose.yaml\nservices: {web: {port: 8080, environment: {B: mesh}, replicas: 3}}\n',
    'compose.yaml': 'services: {web: {image: x, environment: {A: compose, B: compose}}}\n',
  });
  const [version] = config?.services[0]?.versions ?? [];
  assert.deepEqual(version?.container.environment, { A: 'compose', B: 'mesh' });
  assert.equal(version?.replicas, 3);
});

test('--allow-privileged makes privileges warnings, but not the keys of the mesh', async () => {
  const mesh = (volume: string) => ({ 'mesh.yaml': `services: {a: {image: a, port: 1, volumes: ["${volume}"]}}\n` });
  const socket = await loaded(mesh('/var/run/docker.sock:/s'), { allowPrivileged: true });
  assert.ok(socket.config);
  assert.deepEqual(
    socket.diagnostics.map(one => [one.severity, one.code]),
    [['warning', 'docker-socket']],
  );
  assert.doesNotMatch(socket.diagnostics[0]?.hint ?? '', /allow-privileged/);
  assert.equal((await loaded(mesh('./.mesh:/s'), { allowPrivileged: true })).config, null);
});

test('a link inside the project that leads out of it is outside', async () => {
  const project = join(dir, 'linked');
  await mkdir(project);
  await symlink('/etc', join(project, 'conf'));
  await writeFile(join(project, 'mesh.yaml'), 'services: {a: {image: a, port: 1, volumes: ["./conf:/c"]}}\n');
  const result = await load({
    file: join(project, 'mesh.yaml'),
    env: {},
    profiles: [],
    project: null,
    composeLoader: loadCompose,
  });
  assert.deepEqual(
    result.diagnostics.map(one => one.code),
    ['host-mount'],
  );
});

test('a service of an inactive profile may be mentioned', async () => {
  const files = {
    'mesh.yaml': 'compose: compose.yaml\nservices: {debug: {port: 1}}\n',
    'compose.yaml': 'services: {web: {image: x, expose: [80]}, debug: {image: y, profiles: [dev]}}\n',
  };
  assert.deepEqual(
    (await loaded(files)).config?.services.map(one => one.name),
    ['web'],
  );
  assert.deepEqual(
    (await loaded(files, { profiles: ['dev'] })).config?.services.map(one => one.name),
    ['debug', 'web'],
  );
});

test('the same files give the same configuration and the same text', async () => {
  const files = { 'mesh.yaml': 'name: same\nservices: {b: {image: b, port: 2}, a: {image: a, port: 1}}\n' };
  const first = await loaded(files);
  const options = { file: join(first.project, 'mesh.yaml'), env: {}, profiles: [], project: null, composeLoader: loadCompose };
  const second = await load(options);
  assert.ok(first.config && second.config);
  assert.equal(renderConfig(first.config), renderConfig(second.config));
  assert.match(renderConfig(first.config), /^name: same\n/);
});

test('a frame far to the right stays narrow, tabs keep the caret in place, colours are optional', () => {
  const sources = new Map([['mesh.yaml', `a:\n  ${'x'.repeat(300)} HERE\n\tb`]]);
  const base = { code: 'c', severity: 'error', file: 'mesh.yaml', path: '', message: 'm', hint: '' } as const;
  const far = printDiagnostic({ ...base, line: 2, column: 304 }, { sources }).split('\n');
  const caret = far.findIndex(line => line.trimEnd().endsWith('^'));
  assert.ok(far.every(line => line.length < 140));
  assert.equal(far[caret - 1]?.slice(far[caret]?.indexOf('^')), 'HERE');
  const tab = printDiagnostic({ ...base, line: 3, column: 2 }, { sources }).split('\n');
  const below = tab.findIndex(line => line.trimEnd().endsWith('^'));
  assert.equal(tab[below - 1]?.slice(tab[below]?.indexOf('^')), 'b');
  assert.ok(printDiagnostic({ ...base, line: 2, column: 1 }, { sources, color: true }).includes('\u001b[31;1m'));
});

test('a gateway that leads past the rules of a service is told, one that says versions or weights is not', async () => {
  const mesh = (rule: string) => `name: m
services: {web: {port: 80, versions: {v1: {image: a}, v2: {image: b}}}}
gateways: {main: {port: 8080, routes: [${rule}]}}
routes: {web: [{split: {v1: 90, v2: 10}}]}
`;
  const told = async (rule: string) => (await loaded({ 'mesh.yaml': mesh(rule) })).diagnostics;
  const [warning, ...more] = await told('{to: web}');
  assert.deepEqual(more, []);
  assert.deepEqual([warning?.severity, warning?.code, warning?.line, warning?.column], ['warning', 'routes-not-used', 3, 40]);
  for (const rule of ['{to: web/v1}', '{split: {web: 1}}', '{split: {web/v1: 1, web/v2: 1}}'])
    assert.deepEqual(await told(rule), []);
});

/** Examples of a chapter, each with those before it as long as they can stand in one file. */
function meshesOf(chapter: string): readonly string[] {
  const keysOf = (yaml: string): readonly string[] => [...yaml.matchAll(/^(\w+):/gm)].map(([, key = '']) => key);
  const meshes: string[] = [];
  for (const [, example = ''] of chapter.matchAll(/```yaml\n(.*?)```/gs)) {
    const before = meshes.at(-1);
    if (before === undefined || keysOf(example).some(key => keysOf(before).includes(key))) meshes.push(example);
    else meshes[meshes.length - 1] = before + example;
  }
  return meshes;
}

for (const [title, names] of [
  ['Gateways and rules', ['backoffice', 'storefront', 'ratings', 'details']],
  ['Traffic rules', ['storefront']],
  ['The edges', ['shop', 'postgres', 'vault', 'backoffice']],
  ['Access', ['storefront', 'details', 'ratings', 'billing', 'backoffice', 'vault']],
  ['Tokens', ['storefront']],
] as const) {
  test(`the examples of docs/configuration.md are valid: ${title}`, async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const meshes = meshesOf(page.split('\n## ').find(part => part.startsWith(title)) ?? '');
    assert.ok(meshes.length > 0);
    const compose = [...names, 'reviews'].map(name => `${name}: {image: x, expose: ["${name === 'postgres' ? 5432 : 80}"]}`);
    const versions = '{v1: {image: a}, v2: {image: b}, v3: {image: c}}';
    for (const mesh of meshes) {
      // An example that has services of its own needs no versions; the others may name those of these two.
      const versioned = ['reviews', ...(title === 'Tokens' ? ['storefront'] : [])];
      const own = versioned.map(name => `${name}: {port: 80, versions: ${versions}}`).join(', ');
      const files = /^services:/m.test(mesh)
        ? { 'mesh.yaml': `compose: compose.yaml\n${mesh}`, 'compose.yaml': `services: {${compose.join(', ')}}\n` }
        : {
            'mesh.yaml': `compose: compose.yaml\nservices: {${own}}\n${mesh}`,
            'compose.yaml': `services: {${compose.filter(one => !versioned.includes(one.split(':')[0] ?? '')).join(', ')}}\n`,
          };
      assert.deepEqual((await loaded(files)).diagnostics, [], mesh);
    }
  });
}
