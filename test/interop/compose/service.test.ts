// biome-ignore-all lint/suspicious/noTemplateCurlyInString: compose's variables look like templates
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerConfig } from '../../../src/config/mesh-config.ts';
import { app, container, said } from './app.ts';
import { loadText } from './load-text.ts';

/** What a service comes to that says nothing but its image. The goldens leave these values out. */
const defaults: ContainerConfig = {
  image: 'app',
  pullPolicy: 'missing',
  build: null,
  command: null,
  entrypoint: null,
  environment: {},
  workingDir: null,
  user: null,
  hostname: null,
  domainname: null,
  mounts: [],
  tmpfs: [],
  publish: [],
  extraHosts: [],
  dns: [],
  dnsSearch: [],
  labels: {},
  healthcheck: null,
  dependsOn: [],
  restart: { policy: 'no', maxRetries: 0 },
  stopGraceMs: 10_000,
  stopSignal: null,
  init: false,
  tty: false,
  stdinOpen: false,
  readOnly: false,
  privileged: false,
  capAdd: [],
  capDrop: [],
  securityOpt: [],
  sysctls: {},
  ulimits: {},
  memoryBytes: null,
  cpus: null,
  pidsLimit: null,
  shmBytes: null,
  platform: null,
  logging: null,
  devices: [],
  groupAdd: [],
};

test('defaults', async () => assert.deepEqual(await container(''), defaults));

describe('keys of a service', () => {
  const none = { intervalMs: null, timeoutMs: null, retries: null, startPeriodMs: null };
  const build = { context: '/project/shop', dockerfile: 'Dockerfile', args: {}, target: null, labels: {} };
  const cases: readonly (readonly [string, Partial<ContainerConfig>])[] = [
    ['pull_policy: always', { pullPolicy: 'always' }],
    ['pull_policy: if_not_present', { pullPolicy: 'missing' }],
    ['working_dir: /app', { workingDir: '/app' }],
    ['user: 1000:1000', { user: '1000:1000' }],
    ['user: 13370', { user: '13370' }],
    ['hostname: shop\ndomainname: example.org', { hostname: 'shop', domainname: 'example.org' }],
    ['extra_hosts: ["a:1.2.3.4", "b=::1", "c:[::1]"]', { extraHosts: ['a:1.2.3.4', 'b:::1', 'c:::1'] }],
    ['extra_hosts: {a: 1.2.3.4, b: [1.1.1.1, 2.2.2.2]}', { extraHosts: ['a:1.2.3.4', 'b:1.1.1.1', 'b:2.2.2.2'] }],
    ['dns: 1.1.1.1\ndns_search: [a.example, b.example]', { dns: ['1.1.1.1'], dnsSearch: ['a.example', 'b.example'] }],
    ['labels: [b=2, a, "c=x=y"]', { labels: { a: '', b: '2', c: 'x=y' } }],
    ['labels: {b: 2, a: }', { labels: { a: '', b: '2' } }],
    ['stop_grace_period: 1m30s\nstop_signal: SIGINT', { stopGraceMs: 90_000, stopSignal: 'SIGINT' }],
    [
      'init: true\ntty: true\nstdin_open: true\nread_only: true\nprivileged: true',
      { init: true, tty: true, stdinOpen: true, readOnly: true, privileged: true },
    ],
    ['init: "${INIT:-true}"', { init: true }],
    [
      'cap_add: [NET_ADMIN]\ncap_drop: [ALL]\nsecurity_opt: [no-new-privileges]',
      { capAdd: ['NET_ADMIN'], capDrop: ['ALL'], securityOpt: ['no-new-privileges'] },
    ],
    ['sysctls: {net.core.somaxconn: 1024}', { sysctls: { 'net.core.somaxconn': '1024' } }],
    ['sysctls: [net.core.somaxconn=1024]', { sysctls: { 'net.core.somaxconn': '1024' } }],
    [
      'ulimits: {nproc: 65535, memlock: {soft: -1, hard: -1}}',
      { ulimits: { memlock: { soft: -1, hard: -1 }, nproc: { soft: 65_535, hard: 65_535 } } },
    ],
    ['shm_size: 64m\nplatform: linux/amd64', { shmBytes: 67_108_864, platform: 'linux/amd64' }],
    ['mem_limit: 1g\ncpus: "0.5"\npids_limit: 100', { memoryBytes: 1_073_741_824, cpus: 0.5, pidsLimit: 100 }],
    [
      'mem_limit: 1g\ndeploy: {resources: {limits: {memory: 512M, cpus: 2, pids: 10}}}',
      { memoryBytes: 536_870_912, cpus: 2, pidsLimit: 10 },
    ],
    [
      'logging: {driver: json-file, options: {max-size: 10m, max-file: 3}}',
      { logging: { driver: 'json-file', options: { 'max-file': '3', 'max-size': '10m' } } },
    ],
    ['logging: {options: {max-size: 10m}}', { logging: { driver: '', options: { 'max-size': '10m' } } }],
    ['devices: [/dev/fuse, {source: /dev/a, target: /dev/b}]', { devices: ['/dev/fuse', '/dev/a:/dev/b:rwm'] }],
    ['group_add: [audio, 1001]', { groupAdd: ['audio', '1001'] }],
    ['restart: always', { restart: { policy: 'always', maxRetries: 0 } }],
    ['restart: on-failure:5', { restart: { policy: 'on-failure', maxRetries: 5 } }],
    ['restart: no', { restart: { policy: 'no', maxRetries: 0 } }],
    ['deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}', { restart: { policy: 'on-failure', maxRetries: 3 } }],
    ['deploy: {restart_policy: {condition: any}}', { restart: { policy: 'always', maxRetries: 0 } }],
    ['healthcheck: {test: curl localhost}', { healthcheck: { test: ['CMD-SHELL', 'curl localhost'], ...none } }],
    [
      'healthcheck: {test: [CMD, true], interval: 5s, timeout: 500ms, retries: 3, start_period: 1m}',
      { healthcheck: { test: ['CMD', 'true'], intervalMs: 5000, timeoutMs: 500, retries: 3, startPeriodMs: 60_000 } },
    ],
    ['healthcheck: {disable: true}', { healthcheck: { test: ['NONE'], ...none } }],
    ['healthcheck: {test: [NONE]}', { healthcheck: { test: ['NONE'], ...none } }],
    ['healthcheck: {interval: 5s}', { healthcheck: { test: [], ...none, intervalMs: 5000 } }],
    ['build: .', { build }],
    ['build: {}', { build }],
    [
      'build: {context: ./src, dockerfile: dev.Dockerfile, target: dev, labels: [a=b], args: [A=1, FROM_SHELL, GONE]}',
      {
        build: {
          context: '/project/shop/src',
          dockerfile: 'dev.Dockerfile',
          args: { A: '1', FROM_SHELL: 'yes' },
          target: 'dev',
          labels: { a: 'b' },
        },
      },
    ],
    ['x-note: {anything: [goes]}', {}],
  ];
  for (const [written, expected] of cases) {
    test(written, async () => {
      const { container, load } = await app(written, { env: { FROM_SHELL: 'yes' } });
      assert.deepEqual(load.diagnostics, []);
      assert.deepEqual(container, { ...defaults, ...expected });
    });
  }

  test('an image that is built gets a name of the project', async () => {
    const { services } = await loadText('name: shop\nservices: {web: {build: .}}');
    assert.equal(services[0]?.container.image, 'shop-web');
  });

  test('replicas: scale, deploy, or not written', async () => {
    assert.equal((await app('scale: 3')).replicas, 3);
    assert.equal((await app('scale: 3\ndeploy: {replicas: 2}')).replicas, 2);
    assert.equal((await app('')).replicas, null);
  });

  test('other names to be called by: aliases, container_name, hostname; never localhost', async () => {
    const { aliases } = await app('container_name: one\nhostname: two\nnetworks: {default: {aliases: [three, one]}}');
    assert.deepEqual(aliases, ['three', 'one', 'two']);
    assert.deepEqual((await app('hostname: localhost\ncontainer_name: app')).aliases, []);
  });

  test('depends_on: list, map with conditions, and links with aliases', async () => {
    const list = await app('depends_on: [db]');
    assert.deepEqual(
      list.dependsOn.map(({ service, condition, required, at, path }) => [service, condition, required, at.line, path]),
      [['db', 'service_started', true, 4, 'services.app.depends_on[0]']],
    );
    const map = await app(
      'depends_on:\n  db: {condition: service_healthy}\n  job: {condition: service_completed_successfully, required: false}\nlinks: [db, "cache:redis"]',
    );
    assert.deepEqual(
      map.dependsOn.map(({ service, condition, required }) => [service, condition, required]),
      [
        ['db', 'service_healthy', true],
        ['cache', 'service_started', true],
        ['job', 'service_completed_successfully', false],
      ],
    );
    const { services } = await loadText('services: {app: {image: a, links: ["db:database"]}, db: {image: b}}');
    assert.deepEqual(services.find(one => one.name === 'db')?.aliases, ['database']);
  });

  test('positions of keys and items are known for what is judged later', async () => {
    const { positions } = await app('privileged: true\nvolumes:\n  - ./a:/a\ndepends_on: {db: {condition: service_started}}');
    const where = (key: string) => `${positions.get(key)?.line}:${positions.get(key)?.column}`;
    assert.deepEqual([where('privileged'), where('volumes[0]'), where('depends_on.db')], ['4:5', '6:9', '7:18']);
  });
});

describe('what a pod cannot be, and what is not a value', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['user: "1337"', 'error 4:11 services.app.user compose-reserved-user'],
    ['user: "01337"', 'error 4:11 services.app.user compose-reserved-user'],
    ['user: "+1337:0"', 'error 4:11 services.app.user compose-reserved-user'],
    ['user: 1337:1000', 'error 4:11 services.app.user compose-reserved-user'],
    ['network_mode: host', 'warning 4:19 services.app.network_mode compose-network-mode'],
    ['network_mode: none', 'warning 4:19 services.app.network_mode compose-network-mode'],
    ['network_mode: service:web', 'warning 4:19 services.app.network_mode compose-network-mode'],
    ['network_mode: container:web', 'warning 4:19 services.app.network_mode compose-network-mode'],
    [
      'networks: {default: {ipv4_address: 10.0.0.2}}',
      'warning 4:40 services.app.networks.default.ipv4_address compose-static-address',
    ],
    ['mac_address: 02:42:ac:11:65:43', 'warning 4:18 services.app.mac_address compose-static-address'],
    ['networks: [backend]', 'error 4:16 services.app.networks[0] compose-unknown-network'],
    ['pid: host', 'warning 4:5 services.app.pid compose-key-ignored'],
    ['ipc: host', 'warning 4:5 services.app.ipc compose-key-ignored'],
    ['volumes_from: [db]', 'error 4:5 services.app.volumes_from compose-unsupported'],
    ['comand: run', 'error 4:5 services.app.comand unknown-field'],
    ['init: maybe', 'error 4:11 services.app.init compose-invalid-value'],
    ['scale: -1', 'error 4:12 services.app.scale compose-invalid-value'],
    ['cpus: many', 'error 4:11 services.app.cpus compose-invalid-value'],
    ['mem_limit: 1x', 'error 4:16 services.app.mem_limit compose-invalid-value'],
    ['stop_grace_period: 10', 'error 4:24 services.app.stop_grace_period compose-invalid-value'],
    ['restart: sometimes', 'error 4:14 services.app.restart compose-invalid-value'],
    ['pull_policy: alwys', 'error 4:18 services.app.pull_policy compose-invalid-value'],
    ['pull_policy: daily', 'warning 4:18 services.app.pull_policy compose-key-ignored'],
    ['depends_on: {db: {condition: healthy}}', 'error 4:34 services.app.depends_on.db.condition compose-invalid-value'],
    ['healthcheck: curl', 'error 4:18 services.app.healthcheck compose-invalid-value'],
    ['healthcheck: {test: [curl, x]}', 'error 4:25 services.app.healthcheck.test compose-invalid-value'],
    ['healthcheck: {start_interval: 1s}', 'warning 4:19 services.app.healthcheck.start_interval compose-key-ignored'],
    ['build: {dockerfile_inline: FROM x}', 'error 4:32 services.app.build.dockerfile_inline compose-unsupported'],
    ['build: https://example.org/x.git', 'error 4:12 services.app.build compose-unsupported'],
    ['build: {cache_from: [x]}', 'warning 4:13 services.app.build.cache_from compose-key-ignored'],
    ['deploy: {mode: global}', 'warning 4:14 services.app.deploy.mode compose-key-ignored'],
    ['deploy: {replcas: 2}', 'error 4:14 services.app.deploy.replcas unknown-field'],
    ['ulimits: {nofile: {soft: 1}}', 'error 4:23 services.app.ulimits.nofile compose-invalid-value'],
    ['extra_hosts: [nothing]', 'error 4:19 services.app.extra_hosts[0] compose-invalid-value'],
    ['labels: {a: [b]}', 'error 4:17 services.app.labels.a compose-invalid-value'],
    ['dns: {a: b}', 'error 4:10 services.app.dns compose-invalid-value'],
  ];
  for (const [written, expected] of cases) {
    test(written, async () => {
      const { load } = await app(written);
      assert.deepEqual(said(load.diagnostics), [expected]);
      assert.notEqual(load.diagnostics[0]?.message, '');
    });
  }

  test('an unknown key gets the nearest known name', async () => {
    const { load } = await app('comand: run');
    assert.equal(load.diagnostics[0]?.hint, 'did you mean `command`?');
  });

  test('an ignored key is said once, and where else it stands', async () => {
    const services = ['a', 'b', 'c', 'd', 'e', 'f'].map(name => `  ${name}: {image: x, cpu_shares: 5}`).join('\n');
    const { diagnostics } = await loadText(`services:\n${services}`);
    assert.deepEqual(said(diagnostics), ['warning 2:17 services.a.cpu_shares compose-key-ignored']);
    assert.match(
      diagnostics[0]?.message ?? '',
      /also at services\.b\.cpu_shares, services\.c\.cpu_shares, services\.d\.cpu_shares and 2 more/,
    );
  });

  test('a service without image and build', async () => {
    const { diagnostics } = await loadText('services:\n  web: {command: run}\n  none:\n');
    assert.deepEqual(said(diagnostics), [
      'error 2:8 services.web compose-missing-image',
      'error 3:3 services.none compose-invalid-value',
    ]);
  });
});
