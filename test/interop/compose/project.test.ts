// biome-ignore-all lint/suspicious/noTemplateCurlyInString: compose's variables look like templates
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ComposeLoad } from '../../../src/config/service-source.ts';
import { said } from './app.ts';
import { loadText } from './load-text.ts';

const images = (load: ComposeLoad) => Object.fromEntries(load.services.map(({ name, container }) => [name, container.image]));

describe('extends', () => {
  test('a service of the same file, also over two steps', async () => {
    const load = await loadText(`services:
  base: {image: a, environment: {A: 1}, cap_add: [X]}
  middle: {extends: base, environment: [B=2]}
  top: {extends: {service: middle}, image: t, cap_add: [Y]}`);
    assert.deepEqual(load.diagnostics, []);
    const top = load.services.find(one => one.name === 'top');
    assert.deepEqual(
      [top?.container.image, top?.container.environment, top?.container.capAdd],
      ['t', { A: '1', B: '2' }, ['X', 'Y']],
    );
  });

  test('a service of another file, whose paths start there', async () => {
    const load = await loadText('services: {web: {extends: {file: common/base.yaml, service: web}, user: me}}', {
      files: { 'common/base.yaml': 'services: {web: {extends: root, volumes: ["./data:/data"]}, root: {build: .}}' },
    });
    assert.deepEqual(load.diagnostics, []);
    const [web] = load.services;
    assert.equal(web?.container.build?.context, '/project/shop/common');
    assert.deepEqual(
      web?.container.mounts.map(mount => ('source' in mount ? mount.source : '')),
      ['/project/shop/common/data'],
    );
    assert.equal(web?.container.user, 'me');
    assert.ok(load.files.includes('/project/shop/common/base.yaml'));
  });

  const mistakes: readonly (readonly [string, string])[] = [
    ['web: {image: x, extends: wbe}', 'error 1:37 services.web.extends compose-unknown-service'],
    ['web: {image: x, extends: {}}', 'error 1:37 services.web.extends compose-missing-field'],
    ['web: {image: x, extends: {file: gone.yaml, service: a}}', 'error 1:44 services.web.extends.file compose-missing-file'],
    ['a: {image: x, extends: a}', 'error 1:35 services.a.extends compose-extends-cycle'],
  ];
  for (const [written, expected] of mistakes) {
    test(`${written} is explained`, async () => {
      const { diagnostics } = await loadText(`services: {${written}}`);
      assert.deepEqual(said(diagnostics), [expected]);
    });
  }

  test('a circle of two is found from both sides', async () => {
    const { diagnostics, services } = await loadText('services:\n  a: {image: x, extends: b}\n  b: {image: y, extends: a}');
    assert.deepEqual(
      diagnostics.map(one => one.code),
      ['compose-extends-cycle', 'compose-extends-cycle'],
    );
    assert.equal(services.length, 2);
  });
});

describe('include', () => {
  test('brings services, with paths and .env of their own folder', async () => {
    const load = await loadText('name: main\ninclude: [db/compose.yaml]\nservices: {web: {image: w, depends_on: [db]}}', {
      files: {
        'db/compose.yaml': 'name: other\nservices: {db: {image: "db:${TAG}", volumes: ["./data:/data", "v:/v"]}}\nvolumes: {v: }',
        'db/.env': 'TAG=7\n',
      },
    });
    assert.deepEqual(load.diagnostics, []);
    assert.deepEqual(images(load), { db: 'db:7', web: 'w' });
    assert.equal(load.name, 'main');
    assert.deepEqual(
      load.services[0]?.container.mounts.map(mount => ('source' in mount ? mount.source : '')),
      ['/project/shop/db/data', 'v'],
    );
    assert.deepEqual(
      load.volumes.map(one => one.engineName),
      ['main_v'],
    );
  });

  test('long form: several paths merged, project_directory, env_file', async () => {
    const load = await loadText('include:\n  - {path: [x/a.yaml, x/b.yaml], project_directory: y, env_file: x/vars.env}', {
      files: {
        'x/a.yaml': 'services: {db: {image: a, build: ./src}}',
        'x/b.yaml': 'services: {db: {image: "b:${TAG}"}}',
        'x/vars.env': 'TAG=8',
      },
    });
    assert.deepEqual(load.diagnostics, []);
    assert.deepEqual(images(load), { db: 'b:8' });
    assert.equal(load.services[0]?.container.build?.context, '/project/shop/y/src');
  });

  test('one service twice, a circle, a missing file', async () => {
    const load = await loadText('include:\n  - a.yaml\n  - gone.yaml\nservices: {db: {image: mine}}', {
      files: { 'a.yaml': 'include: [compose.yaml]\nservices: {db: {image: theirs}}' },
    });
    assert.deepEqual(said(load.diagnostics), [
      'error 1:11 include[0] compose-include-cycle',
      'error 2:5 include[0] compose-include-conflict',
      'error 3:5 include[1] compose-missing-file',
    ]);
    assert.deepEqual(images(load), { db: 'mine' });
  });
});

describe('profiles', () => {
  const text = `services:
  web: {image: w, depends_on: {seed: {condition: service_completed_successfully, required: false}}}
  seed: {image: s, profiles: [seed], depends_on: [debug]}
  debug: {image: d, profiles: [debug, all]}`;

  test('without a profile only services without profiles run', async () => {
    const load = await loadText(text);
    assert.deepEqual([Object.keys(images(load)), load.inactive], [['web'], ['debug', 'seed']]);
    assert.deepEqual(load.services[0]?.dependsOn, []);
    assert.deepEqual(load.diagnostics, []);
  });

  test('a dependency on a service left out is an error that names the profile', async () => {
    const load = await loadText(text, { profiles: ['seed'] });
    assert.deepEqual(said(load.diagnostics), ['error 3:51 services.seed.depends_on[0] compose-inactive-dependency']);
    assert.match(load.diagnostics[0]?.hint ?? '', /--profile debug/);
  });

  test('profiles from COMPOSE_PROFILES, and all of them', async () => {
    assert.deepEqual((await loadText(text, { env: { COMPOSE_PROFILES: 'seed,all' } })).inactive, []);
    assert.deepEqual((await loadText(text, { profiles: ['*'] })).inactive, []);
  });
});

describe('the compose part of mesh.yaml', () => {
  test('is put on top, and may bring services of its own', async () => {
    const load = await loadText('services: {web: {image: w, environment: {A: 1, B: 1}}}', {
      mesh: 'services:\n  web: {environment: {B: 2}}\n  cache: {image: redis, volumes: ["d:/data", "./c:/c"]}\nvolumes: {d: }',
    });
    assert.deepEqual(load.diagnostics, []);
    assert.deepEqual(images(load), { cache: 'redis', web: 'w' });
    assert.deepEqual(load.services[1]?.container.environment, { A: '1', B: '2' });
    assert.deepEqual(
      load.volumes.map(one => one.engineName),
      ['shop_d'],
    );
  });

  test('works without any compose file', async () => {
    const load = await loadText(null, { mesh: 'services:\n  web: {build: ., comand: x}', project: 'p' });
    assert.deepEqual(images(load), { web: 'p-web' });
    assert.deepEqual(
      load.diagnostics.map(one => [one.file, one.line, one.column, one.path, one.code]),
      [['mesh.yaml', 2, 19, 'services.web.comand', 'unknown-field']],
    );
  });

  test('may extend a service of the compose file', async () => {
    const load = await loadText('services: {reviews-v1: {image: r, environment: {V: 1}}}', {
      mesh: 'services: {reviews-v2: {extends: reviews-v1, environment: {V: 2}}}',
    });
    assert.deepEqual(load.diagnostics, []);
    assert.deepEqual(load.services[1]?.container.environment, { V: '2' });
  });

  test('a service that says nothing in compose keys is not one to run', async () => {
    const load = await loadText('services: {reviews-v1: {image: r}}', { mesh: 'services: {reviews: {}, reviews-v1: {}}' });
    assert.deepEqual(load.diagnostics, []);
    assert.deepEqual(images(load), { 'reviews-v1': 'r' });
  });

  test('does not interpolate again', async () => {
    const load = await loadText(null, { mesh: "services: {web: {image: w, environment: {P: 'a$b$$c'}}}" });
    assert.deepEqual(load.services[0]?.container.environment, { P: 'a$b$$c' });
  });
});

describe('the top of the file', () => {
  test('volumes: names on the engine', async () => {
    const { volumes, diagnostics } = await loadText(
      `services: {a: {image: x, volumes: ["a:/a", "b:/b", "c:/c", "d:/d"]}}
volumes: {a: , b: {external: true}, c: {name: mine, driver: local, driver_opts: {type: tmpfs}}, d: {external: {name: old}}, unused: }`,
      { project: 'p' },
    );
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(volumes, [
      { name: 'a', engineName: 'p_a', external: false, driver: null, driverOpts: {} },
      { name: 'b', engineName: 'b', external: true, driver: null, driverOpts: {} },
      { name: 'c', engineName: 'mine', external: false, driver: 'local', driverOpts: { type: 'tmpfs' } },
      { name: 'd', engineName: 'old', external: true, driver: null, driverOpts: {} },
    ]);
  });

  test('networks that isolate are named, as the mesh has one', async () => {
    const { diagnostics } = await loadText(`services: {a: {image: x, networks: [back, ext, default]}}
networks:
  back: {internal: true}
  ext: {external: true}
  plain: {driver: bridge}`);
    assert.deepEqual(said(diagnostics), [
      'warning 3:20 networks.back.internal compose-network-merged',
      'warning 4:3 networks.ext compose-network-merged',
    ]);
  });

  test('a static address told to another service leads nowhere', async () => {
    const { diagnostics } = await loadText(`services:
  names: {image: n, networks: {default: {ipv4_address: 10.0.0.5}}}
  a: {image: x, dns: 10.0.0.5, extra_hosts: ["names.example:10.0.0.5", "other:10.0.0.6"]}`);
    assert.deepEqual(said(diagnostics), [
      'warning 2:56 services.names.networks.default.ipv4_address compose-static-address',
      'warning 3:22 services.a.dns compose-static-address',
      'warning 3:46 services.a.extra_hosts[0] compose-static-address',
    ]);
  });

  const mistakes: readonly (readonly [string, readonly string[]])[] = [
    ['', ['error 1:1  compose-not-a-document']],
    ['- a', ['error 1:1  compose-not-a-document']],
    ['service: {}', ['error 1:1 service unknown-field']],
    ['services: [a]', ['error 1:11 services compose-invalid-value']],
    ['services: {a: b}', ['error 1:15 services.a compose-invalid-value']],
    ['services: {"a b": {image: x}}', ['error 1:12 services.a b compose-invalid-value']],
    ['services: {a: {image: x}}\nsecrets: {s: {content: x}}', ['error 2:11 secrets.s compose-unsupported']],
    ['services: {a: {image: x}}\nvolumes: {v: {drivr: x}}', ['error 2:15 volumes.v.drivr unknown-field']],
  ];
  for (const [text, expected] of mistakes) {
    test(`${JSON.stringify(text)} is explained`, async () =>
      assert.deepEqual(said((await loadText(text)).diagnostics), expected));
  }

  test('a compose file that is not there', async () => {
    const { diagnostics, services } = await loadText('services: {a: {image: x}}', { over: ['gone.yaml'] });
    assert.deepEqual(said(diagnostics), ['error null:null  compose-missing-file']);
    assert.equal(services.length, 1);
  });

  test('anchors, aliases and merge keys', async () => {
    const load = await loadText(`x-common: &common {image: c, environment: &env {A: 1}}
services:
  a: {<<: *common, user: u}
  b: {<<: *common, environment: {<<: *env, B: 2}}`);
    assert.deepEqual(load.diagnostics, []);
    assert.deepEqual(
      load.services.map(one => [one.container.image, one.container.environment, one.container.user]),
      [
        ['c', { A: '1' }, 'u'],
        ['c', { A: '1', B: '2' }, null],
      ],
    );
  });
});
