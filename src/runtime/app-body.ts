/** An app container in the engine's words. Everything about the network is the pause container's, see pause-body.ts. Pure. */
import { posix } from 'node:path';
import type { ContainerConfig, HealthcheckConfig, MountConfig, SecretConfig, VolumeConfig } from '../config/mesh-config.ts';
import type { ContainerBody, HostConfigBody } from './docker.ts';

/** The engine measures durations in nanoseconds. */
const nanosecondsPerMs = 1_000_000;
/** Bounds what a chatty container leaves on the disk; compose files may say otherwise. */
export const boundedLog = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } } as const;

/** A file that is copied into the container before it starts. */
export interface CopiedFile {
  readonly path: string;
  readonly secret: string;
}

/** What is needed to make the app container; the labels and the pod's network are added when it is made. */
export interface AppBody {
  readonly body: Omit<ContainerBody, 'Labels'>;
  readonly files: readonly CopiedFile[];
}

/** Maps the configuration. `volumes` and `secrets` are the mesh's, every reference in the mounts is checked. */
export function appBody(container: ContainerConfig, volumes: readonly VolumeConfig[], secrets: readonly SecretConfig[]): AppBody {
  const files = copiedFiles(container.mounts, secrets);
  const body: Omit<ContainerBody, 'Labels'> = {
    Image: container.image,
    ...given('Cmd', container.command),
    ...given('Entrypoint', container.entrypoint),
    Env: Object.entries(container.environment).map(([key, value]) => `${key}=${value}`),
    ...given('WorkingDir', container.workingDir),
    ...given('User', container.user),
    ...(container.healthcheck === null ? {} : { Healthcheck: healthcheck(container.healthcheck) }),
    ...given('StopSignal', container.stopSignal),
    StopTimeout: Math.ceil(container.stopGraceMs / 1000),
    Tty: container.tty,
    OpenStdin: container.stdinOpen,
    HostConfig: {
      NetworkMode: 'container:',
      ...mounts(container, volumes, secrets, files),
      Tmpfs: Object.fromEntries(container.tmpfs.map(splitTmpfs)),
      RestartPolicy: {
        Name: container.restart.policy,
        MaximumRetryCount: container.restart.policy === 'on-failure' ? container.restart.maxRetries : 0,
      },
      ...given('Init', container.init ? true : null), // unset: the engine's own default
      ReadonlyRootfs: container.readOnly,
      Privileged: container.privileged,
      CapAdd: container.capAdd,
      CapDrop: capDrop(container),
      SecurityOpt: container.securityOpt,
      Sysctls: pick(container.sysctls, key => !isNetworkSysctl(key)),
      Ulimits: Object.entries(container.ulimits).map(([Name, { soft, hard }]) => ({ Name, Soft: soft, Hard: hard })),
      ...given('Memory', container.memoryBytes),
      ...given('NanoCpus', container.cpus === null ? null : Math.round(container.cpus * 1e9)),
      ...given('PidsLimit', container.pidsLimit),
      ...given('ShmSize', container.shmBytes),
      LogConfig: container.logging === null ? boundedLog : { Type: container.logging.driver, Config: container.logging.options },
      Devices: container.devices.map(device),
      GroupAdd: container.groupAdd,
    },
  };
  return { body, files };
}

/**
 * Docker gives every container NET_RAW. With it an app could forge the addresses of the bridge: take the host's place at a published port,
 * which asks the host for no certificate, or other pods' traffic. `ping` does without: the engine lets every group open ICMP sockets.
 */
function capDrop({ capAdd, capDrop: own, privileged }: ContainerConfig): readonly string[] {
  const names = [...capAdd, ...own].map(name => name.toUpperCase().replace(/^CAP_/, ''));
  return privileged || names.some(name => name === 'NET_RAW' || name === 'ALL') ? own : [...own, 'NET_RAW'];
}

/** Kernel settings of the network namespace belong to the pause container. */
export function isNetworkSysctl(key: string): boolean {
  return key.startsWith('net.');
}

/** Entries of a record whose key passes. */
export function pick(record: Readonly<Record<string, string>>, test: (key: string) => boolean): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => test(key)));
}

function mounts(
  container: ContainerConfig,
  volumes: readonly VolumeConfig[],
  secrets: readonly SecretConfig[],
  files: readonly CopiedFile[],
): Pick<HostConfigBody, 'Binds' | 'Mounts'> {
  const binds: string[] = [];
  const list: NonNullable<HostConfigBody['Mounts']>[number][] = [];
  for (const mount of container.mounts) {
    switch (mount.kind) {
      case 'bind':
        // Only the short form makes the engine create a missing folder; it cannot carry a colon in a path.
        if (mount.createHostPath && !mount.source.includes(':'))
          binds.push(`${mount.source}:${mount.target}${mount.readOnly ? ':ro' : ''}`);
        else list.push({ Type: 'bind', Source: mount.source, Target: mount.target, ReadOnly: mount.readOnly });
        break;
      case 'volume':
        list.push({
          Type: 'volume',
          Source: engineVolume(mount.source, volumes),
          Target: mount.target,
          ReadOnly: mount.readOnly,
        });
        break;
      case 'anonymous':
        list.push({ Type: 'volume', Target: mount.target, ReadOnly: mount.readOnly });
        break;
      case 'secret': {
        const from = secrets.find(one => one.name === mount.source)?.from;
        if (from?.kind === 'file') list.push({ Type: 'bind', Source: from.path, Target: mount.target, ReadOnly: true });
        break;
      }
    }
  }
  // The engine unpacks nothing into a read-only root, but does into a volume; anonymous ones go with the container.
  if (container.readOnly)
    for (const folder of new Set(files.map(file => posix.dirname(file.path))))
      list.push({ Type: 'volume', Target: folder, ReadOnly: false });
  return { Binds: binds, Mounts: list };
}

/** Secrets from the environment have no file on the host: they are copied in. */
function copiedFiles(list: readonly MountConfig[], secrets: readonly SecretConfig[]): readonly CopiedFile[] {
  return list.flatMap(mount => {
    if (mount.kind !== 'secret') return [];
    const from = secrets.find(one => one.name === mount.source)?.from;
    return from?.kind === 'environment' ? [{ path: mount.target, secret: mount.source }] : [];
  });
}

function engineVolume(name: string, volumes: readonly VolumeConfig[]): string {
  return volumes.find(one => one.name === name)?.engineName ?? name;
}

function healthcheck(check: HealthcheckConfig): NonNullable<ContainerBody['Healthcheck']> {
  const nanoseconds = (ms: number | null) => (ms === null ? null : ms * nanosecondsPerMs);
  return {
    ...(check.test.length === 0 ? {} : { Test: check.test }),
    ...given('Interval', nanoseconds(check.intervalMs)),
    ...given('Timeout', nanoseconds(check.timeoutMs)),
    ...given('Retries', check.retries),
    ...given('StartPeriod', nanoseconds(check.startPeriodMs)),
  };
}

function splitTmpfs(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)];
}

function device(line: string): NonNullable<HostConfigBody['Devices']>[number] {
  const [host = '', inside = host, permissions = 'rwm'] = line.split(':');
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: permissions };
}

/** The key with its value, or nothing for `null`. */
export function given<K extends string, V>(key: K, value: V | null): { readonly [P in K]?: V } {
  return value === null ? {} : ({ [key]: value } as { readonly [P in K]: V });
}
