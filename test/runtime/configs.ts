/** Configurations for runtime tests: only what a test is about is written there. */
import type { ContainerConfig, GatewayConfig, MeshConfig, ServiceConfig, VersionConfig } from '../../src/config/mesh-config.ts';

export function containerConfig(image: string, more: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    image,
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
    stopGraceMs: 2000,
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
    ...more,
  };
}

export function versionConfig(name: string, container: ContainerConfig, more: Partial<VersionConfig> = {}): VersionConfig {
  return { name, composeService: name, replicas: 1, container, ...more };
}

export function serviceConfig(name: string, versions: readonly VersionConfig[], port: number | null): ServiceConfig {
  return {
    name,
    namespace: 'default',
    account: name,
    aliases: [],
    ports: port === null ? [] : [{ port, name: '', protocol: 'http', protocolFrom: 'config' }],
    versions,
    mtls: 'strict',
    balancer: 'round-robin',
    connectTimeoutMs: 1000,
    routes: [],
  };
}

/** A service without versions and one container. */
export function oneContainer(
  name: string,
  image: string,
  port: number | null,
  more: Partial<ContainerConfig> = {},
): ServiceConfig {
  return serviceConfig(name, [versionConfig('', containerConfig(image, more), { composeService: name })], port);
}

export function gatewayConfig(name: string, port: number): GatewayConfig {
  return { name, hostAddress: '127.0.0.1', port, protocol: 'http', routes: [] };
}

export function meshConfig(services: readonly ServiceConfig[], more: Partial<MeshConfig> = {}): MeshConfig {
  return {
    name: 'shop',
    trustDomain: 'shop.local',
    namespace: 'default',
    identity: { ttlMs: 86_400_000, trustDomainAliases: [] },
    baseDir: '/shop',
    files: ['/shop/mesh.yaml'],
    services,
    gateways: [],
    volumes: [],
    secrets: [],
    mtls: 'strict',
    access: { default: 'allow', rules: [] },
    egress: 'allow-any',
    proxy: { image: null, accessLog: 'text', memoryBytes: 128 * 1024 * 1024 },
    ...more,
  };
}
