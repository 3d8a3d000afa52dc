import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { calledWithoutPort, imagesWithoutPorts, withExposedPorts } from '../../src/config/exposed-ports.ts';
import { containerConfig, gatewayConfig, meshConfig, oneContainer, serviceConfig, versionConfig } from '../runtime/configs.ts';

const exposed: Readonly<Record<string, readonly number[]>> = {
  'redis:7': [6379],
  'app:1': [8080],
  'app:2': [9000, 8080],
  'odd:1': [4711],
};
const exposedOf = (image: string) => exposed[image] ?? [];
const rule = (service: string) => ({
  name: 'r',
  matches: [],
  action: { kind: 'forward' as const, split: [{ service, version: '', port: null, weight: 1 }] },
  timeoutMs: null,
  retry: null,
});

describe('ports that only images tell', () => {
  const config = meshConfig([
    oneContainer('cache', 'redis:7', null),
    oneContainer('web', 'app:1', 80),
    serviceConfig(
      'shop',
      ['app:1', 'app:2'].map((image, index) => versionConfig(`v${index + 1}`, containerConfig(image))),
      null,
    ),
    { ...oneContainer('odd', 'odd:1', null), protocol: 'tcp' },
    oneContainer('job', 'job:1', null),
  ]);
  const ports = Object.fromEntries(withExposedPorts(config, exposedOf).services.map(one => [one.name, one.ports]));

  test('are marked and get a protocol as written ports do', () => {
    assert.deepEqual(ports['cache'], [{ port: 6379, name: '', protocol: 'tcp', protocolFrom: 'image', exposed: true }]);
    assert.deepEqual(ports['odd'], [{ port: 4711, name: '', protocol: 'tcp', protocolFrom: 'config', exposed: true }]);
  });

  test('are those of all versions, each once', () => {
    assert.deepEqual(
      ports['shop']?.map(one => one.port),
      [8080, 9000],
    );
  });

  test('never touch a service with a written port, nor one whose image exposes none', () => {
    assert.deepEqual(ports['web'], config.services.find(one => one.name === 'web')?.ports);
    assert.deepEqual(ports['job'], []);
  });

  test('are asked for only where they matter', () => {
    assert.deepEqual(imagesWithoutPorts(config), ['redis:7', 'app:1', 'app:2', 'odd:1', 'job:1']);
    assert.deepEqual(imagesWithoutPorts(meshConfig([oneContainer('web', 'app:1', 80)])), []);
  });
});

test('services that rules lead to and that have no port are known', () => {
  const config = meshConfig(
    [
      oneContainer('a', 'x', null),
      oneContainer('b', 'x', null),
      { ...oneContainer('c', 'x', null), routes: [rule('c')] },
      oneContainer('d', 'x', 80),
    ],
    {
      gateways: [
        {
          ...gatewayConfig('web', 8080),
          routes: [
            { ...rule('a'), hosts: [] },
            { ...rule('d'), hosts: [] },
          ],
        },
      ],
    },
  );
  assert.deepEqual(calledWithoutPort(config), ['a', 'c']);
});
