import { isAbsolute, relative, sep } from 'node:path';
import type { ContainerConfig, MountConfig, SecretConfig, VolumeConfig } from '../mesh-config.ts';
import type { Place, SourceService } from '../service-source.ts';
import { shown } from '../shown.ts';

/** What finding out needs to know of the machine. */
export interface AskFacts {
  /** Folders whose contents a container may see: those of mesh.yaml and of the compose files. Real paths. */
  readonly projectDirs: readonly string[];
  /** Folders that images may be built from and variables read from: the same, and the repositories they are in. Real paths. */
  readonly sourceDirs: readonly string[];
  /** The path without symbolic links, as far as it exists. */
  readonly realPath: (path: string) => string;
}

/** One thing that reaches beyond the pod. */
export interface Ask {
  readonly code: string;
  readonly place: Place;
  readonly message: string;
  readonly hint: string;
  /** What exactly, in words that are the same as long as it is the same; `null`: nobody may have it. */
  readonly what: string | null;
}

/** What mounts may name. */
export type Declared = { readonly volumes: readonly VolumeConfig[]; readonly secrets: readonly SecretConfig[] };

const sockets = ['/var/run/docker.sock', '/run/docker.sock', '/run/podman/podman.sock', '/run/containerd/containerd.sock'];
/** Many images ask for the host's time zone; there is nothing to take and, read-only, nothing to break. */
const harmless = new Set(['/etc/localtime', '/etc/timezone', '/usr/share/zoneinfo']);
/** Capabilities that undo the container's walls, the mesh's interception, or its knowledge of who calls (NET_RAW: forged addresses). */
const dangerous = new Set(
  `ALL SYS_ADMIN SYS_MODULE SYS_RAWIO SYS_PTRACE SYS_BOOT SYS_TIME SYSLOG DAC_READ_SEARCH NET_ADMIN NET_RAW BPF PERFMON
   MAC_ADMIN MAC_OVERRIDE CHECKPOINT_RESTORE AUDIT_CONTROL`.split(/\s+/),
);
/** Devices without power. */
const toys = new Set([
  '/dev/null',
  '/dev/zero',
  '/dev/full',
  '/dev/random',
  '/dev/urandom',
  '/dev/tty',
  '/dev/fuse',
  '/dev/net/tun',
]);
/** Options that take nothing away. */
const strictOption = /^no-new-privileges(?:[:=]true)?$/;

/** All that a service asks for. */
export function asksOf(source: SourceService, declared: Declared, facts: AskFacts): readonly Ask[] {
  const { container } = source;
  const at = (key: string): Place => ({ at: source.positions.get(key) ?? source.at, path: `${source.path}.${key}` });
  const asks: Ask[] = [];
  const privileged = (key: string, message: string, hint: string, what: string): void => {
    asks.push({ code: 'privileged', place: at(key), message, hint, what });
  };
  if (container.privileged)
    privileged('privileged', 'a privileged container is root on the host', 'remove `privileged`', 'privileged');
  for (const name of hostCapabilities(container))
    privileged('cap_add', `capability ${shown(name)} reaches the host`, 'remove it', `capability ${name}`);
  for (const option of container.securityOpt.filter(one => !strictOption.test(one)))
    privileged('security_opt', `${shown(option)} takes a wall of the container away`, 'remove it', `security option ${option}`);
  for (const device of container.devices.filter(one => !toys.has(facts.realPath(one.split(':')[0] ?? ''))))
    privileged('devices', `${shown(device)} is a device of the host`, 'remove it', `device ${device}`);
  for (const mount of container.mounts) {
    const place = source.mountPlaces.get(mount.target) ?? at('volumes');
    for (const path of hostPaths(mount, declared)) {
      const ask = askOfMount(path, mount, facts);
      if (ask !== null) asks.push({ ...ask, place });
    }
  }
  const files = (key: string, path: string, message: string): void => {
    const real = facts.realPath(path);
    if (isStateFolder(real)) {
      const secret = 'the `.mesh` folder holds the keys of the mesh: no container gets anything of it';
      asks.push({ code: 'state-mount', place: at(key), message: secret, hint: 'use another folder', what: null });
    }
    if (facts.sourceDirs.some(dir => contains(dir, real))) return;
    const what = `${key} ${real}`;
    asks.push({ code: 'host-files', place: at(key), message, hint: 'use files of the project', what });
  };
  if (container.build !== null && isAbsolute(container.build.context))
    files('build', container.build.context, `the image is built from ${shown(container.build.context)}, outside the project`);
  for (const file of source.envFiles ?? [])
    files('env_file', file, `variables are read from ${shown(file)}, outside the project`);
  return asks;
}

/** Paths of the host that a mount leads to, hidden ones too: a volume may be a folder by its driver's options, a secret a file. */
export function hostPaths(mount: MountConfig, { volumes, secrets }: Declared): readonly string[] {
  if (mount.kind === 'bind') return [mount.source];
  if (mount.kind === 'secret') {
    const from = secrets.find(one => one.name === mount.source)?.from;
    return from?.kind === 'file' ? [from.path] : [];
  }
  if (mount.kind !== 'volume') return [];
  const { device = '', o = '' } = volumes.find(one => one.name === mount.source)?.driverOpts ?? {};
  // Without `bind` it is a file system of its own: a share on the network, or a disk of the host.
  return isAbsolute(device) && (/\br?bind\b/.test(o) || device.startsWith('/dev/')) ? [device] : [];
}

function askOfMount(path: string, mount: MountConfig, facts: AskFacts): Omit<Ask, 'place'> | null {
  const real = facts.realPath(path);
  const socket = sockets.find(one => contains(path, one) || contains(real, one) || contains(real, facts.realPath(one)));
  const what = `mount ${real} at ${mount.target}${'readOnly' in mount && mount.readOnly ? ', read-only' : ''}`;
  if (isStateFolder(path) || isStateFolder(real))
    return {
      code: 'state-mount',
      message: 'the `.mesh` folder holds the keys of the mesh: it cannot be mounted',
      hint: 'mount another folder',
      what: null,
    };
  if (socket !== undefined && path === '/')
    return {
      code: 'host-mount',
      message: 'mounting `/` gives the container the whole host, docker.sock with it',
      hint: 'mount the folder it needs',
      what,
    };
  if (socket !== undefined) {
    const how = path === socket ? '' : ` (${shown(path)} contains docker.sock)`;
    return {
      code: 'docker-socket',
      message: `docker.sock makes the container root on the host${how}`,
      hint: 'remove the mount',
      what,
    };
  }
  if (facts.projectDirs.some(dir => contains(dir, real))) return null;
  if (mount.kind === 'secret' && facts.sourceDirs.some(dir => contains(dir, real))) return null;
  if (harmless.has(path) && 'readOnly' in mount && mount.readOnly) return null;
  const hint = `mount something below ${facts.projectDirs[0] ?? ''}, or a named volume`;
  return { code: 'host-mount', message: `${shown(path)} is outside the project folder`, hint, what };
}

function hostCapabilities(container: ContainerConfig): readonly string[] {
  return container.capAdd.filter(capability => dangerous.has(capability.toUpperCase().replace(/^CAP_/, '')));
}

function isStateFolder(path: string): boolean {
  return path.split(sep).includes('.mesh');
}

/** Whether `inner` is `outer` or lies below it. */
export function contains(outer: string, inner: string): boolean {
  const way = relative(outer, inner);
  return way === '' || (!way.startsWith(`..${sep}`) && way !== '..' && !isAbsolute(way));
}
