import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerConfig } from '../../../src/config/mesh-config.ts';
import type { SourceService } from '../../../src/config/service-source.ts';
import { said } from './app.ts';
import { loadText } from './load-text.ts';

/** What comes of a service when a later file is put over it. */
async function merged(earlier: string, later: string): Promise<SourceService> {
  const load = await loadText(`services: {app: {image: a, ${earlier}}}\nvolumes: {d: }\nnetworks: {n: , m: }`, {
    files: { 'over.yaml': `services: {app: {${later}}}` },
    over: ['over.yaml'],
  });
  assert.deepEqual(load.diagnostics, []);
  const [service] = load.services;
  assert.ok(service !== undefined);
  return service;
}

describe('a later file over an earlier one', () => {
  const cases: readonly (readonly [string, string, string, Partial<ContainerConfig>])[] = [
    ['a single value is replaced', 'user: a', 'user: b', { user: 'b' }],
    ['nothing replaces nothing', 'user: a', 'user: ', { user: 'a' }],
    ['a command is one value', 'command: [a, b]', 'command: c', { command: ['c'] }],
    ['so is an entrypoint', 'entrypoint: [a, b]', 'entrypoint: [c]', { entrypoint: ['c'] }],
    [
      'environment by name, whatever the form',
      'environment: [A=1, B=1]',
      'environment: {B: 2, C: 3}',
      { environment: { A: '1', B: '2', C: '3' } },
    ],
    ['labels by name', 'labels: {a: 1}', 'labels: [a=2, b=3]', { labels: { a: '2', b: '3' } }],
    ['capabilities add up', 'cap_add: [A, B]', 'cap_add: [B, C]', { capAdd: ['A', 'B', 'C'] }],
    ['dns adds up, text or list', 'dns: 1.1.1.1', 'dns: [2.2.2.2]', { dns: ['1.1.1.1', '2.2.2.2'] }],
    [
      'extra hosts, list or map',
      'extra_hosts: ["a:1.1.1.1"]',
      'extra_hosts: {b: 2.2.2.2}',
      { extraHosts: ['a:1.1.1.1', 'b:2.2.2.2'] },
    ],
    [
      'logging of the same driver',
      'logging: {driver: x, options: {a: 1}}',
      'logging: {options: {b: 2}}',
      { logging: { driver: 'x', options: { a: '1', b: '2' } } },
    ],
    [
      'logging of another driver',
      'logging: {driver: x, options: {a: 1}}',
      'logging: {driver: y}',
      { logging: { driver: 'y', options: {} } },
    ],
    ['!override', 'cap_add: [A]', 'cap_add: !override [B]', { capAdd: ['B'] }],
    ['!reset', 'cap_add: [A]', 'cap_add: !reset []', { capAdd: [] }],
    ['!reset of one variable', 'environment: {A: 1, B: 1}', 'environment: {A: !reset null}', { environment: { B: '1' } }],
  ];
  for (const [name, earlier, later, expected] of cases) {
    test(name, async () => {
      const { container } = await merged(earlier, later);
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(container[key as keyof ContainerConfig], value);
    });
  }

  test('ports add up, the same one once', async () => {
    const { container } = await merged('ports: ["80:80"]', 'ports: ["80:80", "81:81"]');
    assert.deepEqual(
      container.publish.map(one => one.hostPort),
      [80, 81],
    );
  });

  test('a volume for the same place is replaced', async () => {
    const { container } = await merged('volumes: ["./a:/x", "d:/d"]', 'volumes: ["./b:/x"]');
    assert.deepEqual(
      container.mounts.map(one => ('source' in one ? one.source : '')),
      ['/project/shop/b', 'd'],
    );
  });

  test('a build, short or long, and its arguments', async () => {
    const { container } = await merged('build: ./src', 'build: {target: dev, args: [A=1]}');
    assert.deepEqual(container.build, {
      context: '/project/shop/src',
      dockerfile: 'Dockerfile',
      args: { A: '1' },
      target: 'dev',
      labels: {},
    });
  });

  test('a test of a health check is one value, the rest is kept', async () => {
    const { container } = await merged('healthcheck: {test: [CMD, a], interval: 1s}', 'healthcheck: {test: [CMD, b]}');
    assert.deepEqual([container.healthcheck?.test, container.healthcheck?.intervalMs], [['CMD', 'b'], 1000]);
  });

  test('dependencies and networks by name, list or map', async () => {
    const service = await merged(
      'depends_on: [a], networks: [n]',
      'depends_on: {b: {condition: service_healthy}}, networks: {m: {aliases: [x]}}',
    );
    assert.deepEqual(
      service.dependsOn.map(one => `${one.service} ${one.condition}`),
      ['a service_started', 'b service_healthy'],
    );
    assert.deepEqual(service.aliases, ['x']);
  });

  test('a mistake points into the file it stands in', async () => {
    const load = await loadText('services: {app: {image: a}}', {
      files: { 'over.yaml': 'services:\n  app:\n    init: perhaps\n' },
      over: ['over.yaml'],
    });
    assert.match(load.diagnostics[0]?.file ?? '', /over\.yaml$/);
    assert.deepEqual(said(load.diagnostics), ['error 3:11 services.app.init compose-invalid-value']);
    assert.ok(load.sources.has(load.diagnostics[0]?.file ?? ''));
  });

  test('all paths start at the first file', async () => {
    const load = await loadText('services: {app: {image: a}}', {
      files: { 'deep/over.yaml': 'services: {app: {build: ./src}}' },
      over: ['deep/over.yaml'],
    });
    assert.equal(load.services[0]?.container.build?.context, '/project/shop/src');
  });

  test('a tag with nothing earlier is no value', async () => {
    const load = await loadText('services: {app: {image: a, command: !reset null, cap_add: !override [B]}}');
    assert.deepEqual(load.diagnostics, []);
    assert.deepEqual([load.services[0]?.container.command, load.services[0]?.container.capAdd], [null, ['B']]);
  });
});
