import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerConfig } from '../../src/config/mesh-config.ts';
import { gatewayConfig, meshConfig, oneContainer } from './configs.ts';
import { podsFor } from './desired-and-seen.ts';

const mesh = {
  volumes: [{ name: 'data', engineName: 'shop_data', external: false, driver: null, driverOpts: {} }],
  secrets: [
    { name: 'file', from: { kind: 'file' as const, path: '/shop/secret.txt' } },
    { name: 'env', from: { kind: 'environment' as const, variable: 'KEY' } },
  ],
};
const pod = (more: Partial<ContainerConfig>) => {
  const [only] = podsFor(meshConfig([oneContainer('a', 'a:1', 80, more)], mesh));
  assert.ok(only?.app);
  return { pause: only.pause.body, sidecar: only.sidecar.body, app: only.app.body, files: only.app.files };
};

describe('whose identity a sidecar asks for', () => {
  it('that of the account and namespace of its service; gateways have those of the mesh', () => {
    const service = { ...oneContainer('a', 'a:1', 80), account: 'bookinfo', namespace: 'shop' };
    const pods = podsFor(meshConfig([service], { gateways: [gatewayConfig('web', 8080)], namespace: 'edge' }));
    assert.deepEqual(
      pods.map(({ facts }) => facts),
      [
        { workload: 'a-1', service: 'a', kind: 'service', namespace: 'shop', account: 'bookinfo' },
        { workload: 'web-1', service: 'web', kind: 'gateway', namespace: 'edge', account: 'web' },
      ],
    );
  });
});

describe('what the engine is told of a pod', () => {
  it('the network belongs to the pause container, whatever the app says of it', () => {
    const { pause, app } = pod({
      hostname: 'shop',
      domainname: 'example.org',
      extraHosts: ['db:10.0.0.1'],
      dns: ['9.9.9.9'],
      dnsSearch: ['corp'],
      sysctls: { 'net.core.somaxconn': '1024', 'kernel.msgmax': '65536' },
      publish: [{ hostAddress: '127.0.0.1', hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
    });
    assert.equal(pause.Hostname, 'shop');
    assert.equal(pause.Domainname, 'example.org');
    assert.deepEqual(pause.HostConfig.ExtraHosts, ['db:10.0.0.1']);
    assert.deepEqual(pause.HostConfig.Dns, ['9.9.9.9']);
    assert.deepEqual(pause.HostConfig.DnsSearch, ['corp']);
    assert.deepEqual(pause.HostConfig.Sysctls, { 'net.core.somaxconn': '1024' });
    assert.deepEqual(pause.HostConfig.PortBindings, {
      '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
      '15012/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
    });
    for (const key of ['Hostname', 'Domainname', 'ExposedPorts']) assert.ok(!(key in app), key);
    for (const key of ['ExtraHosts', 'Dns', 'DnsSearch', 'PortBindings']) assert.ok(!(key in app.HostConfig), key);
    assert.deepEqual(app.HostConfig.Sysctls, { 'kernel.msgmax': '65536' });
  });

  it('the sidecar may write its rules and drop to its user, and nothing else', () => {
    const { HostConfig } = pod({}).sidecar;
    assert.deepEqual(HostConfig.CapDrop, ['ALL']);
    assert.deepEqual(HostConfig.CapAdd, ['NET_ADMIN', 'SETUID', 'SETGID']);
    assert.equal(HostConfig.ReadonlyRootfs, true);
    assert.deepEqual(HostConfig.SecurityOpt, ['no-new-privileges']);
    assert.deepEqual(HostConfig.RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 0 });
  });

  it('an app cannot forge addresses unless it asks to', () => {
    const dropped = (more: Partial<ContainerConfig>) => pod(more).app.HostConfig.CapDrop;
    assert.deepEqual(dropped({}), ['NET_RAW']);
    assert.deepEqual(dropped({ capDrop: ['MKNOD'] }), ['MKNOD', 'NET_RAW']);
    assert.deepEqual(dropped({ capDrop: ['ALL'] }), ['ALL']);
    for (const capAdd of [['NET_RAW'], ['cap_net_raw'], ['ALL']]) assert.deepEqual(dropped({ capAdd }), []);
    assert.deepEqual(dropped({ privileged: true }), []);
  });

  it('mounts: folders, volumes by their engine names, secrets as files', () => {
    const { app, files } = pod({
      readOnly: true,
      mounts: [
        { kind: 'bind', source: '/shop/src', target: '/src', readOnly: true, createHostPath: true },
        { kind: 'bind', source: '/shop/must', target: '/must', readOnly: false, createHostPath: false },
        { kind: 'volume', source: 'data', target: '/data', readOnly: false },
        { kind: 'anonymous', target: '/cache', readOnly: false },
        { kind: 'secret', source: 'file', target: '/run/secrets/file' },
        { kind: 'secret', source: 'env', target: '/run/secrets/env' },
      ],
      tmpfs: ['/tmp:size=1m', '/scratch'],
    });
    assert.deepEqual(app.HostConfig.Binds, ['/shop/src:/src:ro']);
    assert.deepEqual(app.HostConfig.Mounts, [
      { Type: 'bind', Source: '/shop/must', Target: '/must', ReadOnly: false },
      { Type: 'volume', Source: 'shop_data', Target: '/data', ReadOnly: false },
      { Type: 'volume', Target: '/cache', ReadOnly: false },
      { Type: 'bind', Source: '/shop/secret.txt', Target: '/run/secrets/file', ReadOnly: true },
      { Type: 'volume', Target: '/run/secrets', ReadOnly: false },
    ]);
    assert.deepEqual(app.HostConfig.Tmpfs, { '/tmp': 'size=1m', '/scratch': '' });
    assert.deepEqual(files, [{ path: '/run/secrets/env', secret: 'env' }]);
  });

  it('numbers in the engine’s units', () => {
    const { app } = pod({
      cpus: 1.5,
      memoryBytes: 1 << 20,
      stopGraceMs: 1500,
      ulimits: { nofile: { soft: 1, hard: 2 } },
      healthcheck: { test: ['CMD', 'x'], intervalMs: 5000, timeoutMs: 1, retries: 3, startPeriodMs: null },
      devices: ['/dev/fuse', '/dev/a:/dev/b:r'],
    });
    assert.equal(app.HostConfig.NanoCpus, 1_500_000_000);
    assert.equal(app.HostConfig.Memory, 1 << 20);
    assert.equal(app.StopTimeout, 2);
    assert.deepEqual(app.HostConfig.Ulimits, [{ Name: 'nofile', Soft: 1, Hard: 2 }]);
    assert.deepEqual(app.Healthcheck, { Test: ['CMD', 'x'], Interval: 5_000_000_000, Timeout: 1_000_000, Retries: 3 });
    assert.deepEqual(app.HostConfig.Devices, [
      { PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' },
      { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' },
    ]);
  });

  it('names: the app has the one that compose would give, a gateway’s sidecar its own', () => {
    const [a, web] = podsFor(meshConfig([oneContainer('a', 'a:1', 80)], { gateways: [gatewayConfig('web', 8080)] }));
    assert.deepEqual([a?.app?.name, a?.sidecar.name, a?.pause.name], ['shop-a-1', 'shop-a-1-sidecar', 'shop-a-1-pod']);
    assert.deepEqual([web?.app, web?.sidecar.name, web?.pause.name], [null, 'shop-web-1', 'shop-web-1-pod']);
    assert.deepEqual(web?.pause.body.HostConfig.PortBindings?.['8080/tcp'], [{ HostIp: '127.0.0.1', HostPort: '8080' }]);
  });

  it('equal settings in another order have equal hashes', () => {
    const hash = (environment: Record<string, string>, labels: Record<string, string>) =>
      podsFor(meshConfig([oneContainer('a', 'a:1', 80, { environment, labels })]))[0]?.app?.hash;
    assert.equal(hash({ A: '1' }, { x: '1', y: '2' }), hash({ A: '1' }, { y: '2', x: '1' }));
    assert.notEqual(hash({ A: '1' }, {}), hash({ A: '2' }, {}));
  });
});
