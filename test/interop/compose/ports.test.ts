import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { app, said } from './app.ts';

describe('ports', () => {
  const cases: readonly (readonly [string, string, readonly string[], readonly number[]])[] = [
    ['container only: the engine chooses', '["3000"]', ['127.0.0.1:0>3000/tcp'], [3000]],
    ['a number', '[3000]', ['127.0.0.1:0>3000/tcp'], [3000]],
    ['host and container', '["8080:80"]', ['127.0.0.1:8080>80/tcp'], [80]],
    ['not a number of base 60', '[22:22]', ['127.0.0.1:22>22/tcp'], [22]],
    ['an address', '["0.0.0.0:8080:80"]', ['0.0.0.0:8080>80/tcp'], [80]],
    ['an address, any host port', '["127.0.0.1::80"]', ['127.0.0.1:0>80/tcp'], [80]],
    ['IPv6', '["[::1]:8080:80"]', ['::1:8080>80/tcp'], [80]],
    ['UDP is published, not meshed', '["53:5353/udp"]', ['127.0.0.1:53>5353/udp'], []],
    ['both protocols', '["53:53", "53:53/udp"]', ['127.0.0.1:53>53/tcp', '127.0.0.1:53>53/udp'], [53]],
    ['ranges', '["9090-9091:8080-8081"]', ['127.0.0.1:9090>8080/tcp', '127.0.0.1:9091>8081/tcp'], [8080, 8081]],
    ['a range of container ports', '["3000-3001"]', ['127.0.0.1:0>3000/tcp', '127.0.0.1:0>3001/tcp'], [3000, 3001]],
    [
      'long form',
      '[{target: 80, published: "8080", host_ip: 10.0.0.1, protocol: tcp, mode: host}]',
      ['10.0.0.1:8080>80/tcp'],
      [80],
    ],
    ['long form, target only', '[{target: 80}]', ['127.0.0.1:0>80/tcp'], [80]],
    ['twice the same is once', '["80:80", "80:80/tcp"]', ['127.0.0.1:80>80/tcp'], [80]],
  ];
  for (const [name, written, publish, listen] of cases) {
    test(`${name}: ${written}`, async () => {
      const { container, ports, load } = await app(`ports: ${written}`);
      assert.deepEqual(load.diagnostics, []);
      assert.deepEqual(
        container.publish.map(one => `${one.hostAddress}:${one.hostPort}>${one.containerPort}/${one.protocol}`),
        publish,
      );
      assert.deepEqual(
        ports.map(one => one.port),
        listen,
      );
    });
  }

  for (const wrong of ['http', '80:', '70000', '8080:80/icmp', '1.2.3:80:80', '9000-9002:80-81', '90-80', 'web:80', '-1']) {
    test(`${wrong} is refused where it stands`, async () => {
      const { load, container } = await app(`ports:\n  - "${wrong}"`);
      assert.deepEqual(said(load.diagnostics), ['error 5:9 services.app.ports[0] compose-invalid-value']);
      assert.deepEqual(container.publish, []);
    });
  }

  test('a host range for one port takes the first and says so', async () => {
    const { load, container } = await app('ports: ["8000-8009:80"]');
    assert.equal(container.publish[0]?.hostPort, 8000);
    assert.deepEqual(said(load.diagnostics), ['warning 4:13 services.app.ports[0] compose-port-range']);
  });

  test('names and app protocols are kept for the choice of the protocol', async () => {
    const { ports } = await app('ports: [{target: 80, name: web, app_protocol: http}]\nexpose: [80, "9000-9001/tcp", "53/udp"]');
    assert.deepEqual(ports, [
      { port: 80, name: 'web', appProtocol: 'http' },
      { port: 9000, name: '', appProtocol: '' },
      { port: 9001, name: '', appProtocol: '' },
    ]);
  });

  test('every mistake of a long form is said', async () => {
    const { load } = await app('ports: [{published: 80}, {target: 0}, {target: 80, protocol: icmp}]');
    assert.deepEqual(
      load.diagnostics.map(found => found.path),
      ['services.app.ports[0]', 'services.app.ports[1].target', 'services.app.ports[2].protocol'],
    );
  });
});
