import { isAbsolute, relative, sep } from 'node:path';
import { type Diagnostic, errorAt, warningAt } from '../diagnostic.ts';
import type { ContainerConfig } from '../mesh-config.ts';
import type { Place, SourceService } from '../service-source.ts';
import { shown } from '../shown.ts';

/** What judging a mount needs to know of the machine. */
export interface PrivilegeFacts {
  /** Folders whose contents a container may see: those of mesh.yaml and of the compose files. Real paths. */
  readonly projectDirs: readonly string[];
  /** `--allow-privileged`: what would be an error is a warning. */
  readonly allowed: boolean;
  /** The path without symbolic links, as far as it exists. */
  readonly realPath: (path: string) => string;
}

const sockets = ['/var/run/docker.sock', '/run/docker.sock', '/run/podman/podman.sock', '/run/containerd/containerd.sock'];
/** Many images ask for the host's time zone; there is nothing to take and, read-only, nothing to break. */
const harmless = new Set(['/etc/localtime', '/etc/timezone', '/usr/share/zoneinfo']);
const grants = '; to allow it, start with `--allow-privileged`';

/** What a container asks for that reaches beyond its pod: each is an error unless the user said yes on the command line. */
export function privilegeDiagnostics(source: SourceService, facts: PrivilegeFacts): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const keyPlace = (key: string): Place => ({ at: source.positions.get(key) ?? source.at, path: `${source.path}.${key}` });
  const say = (place: Place, code: string, message: string, hint: string, fixed = false): void => {
    const parts = { code, ...place, message, hint: facts.allowed ? hint.replace(grants, '') : hint };
    diagnostics.push(facts.allowed && !fixed ? warningAt(parts) : errorAt(parts));
  };
  const { container } = source;
  if (container.privileged)
    say(keyPlace('privileged'), 'privileged', 'a privileged container is root on the host', `remove \`privileged\`${grants}`);
  for (const capability of hostCapabilities(container)) {
    say(keyPlace('cap_add'), 'privileged', `capability ${shown(capability)} reaches the host`, `remove it${grants}`);
  }
  for (const mount of container.mounts) {
    if (mount.kind !== 'bind') continue;
    const place = source.mountPlaces.get(mount.target) ?? keyPlace('volumes');
    const real = facts.realPath(mount.source);
    const socket = sockets.find(one => contains(mount.source, one) || contains(real, one) || contains(real, facts.realPath(one)));
    if (isStateFolder(mount.source) || isStateFolder(real)) {
      say(
        place,
        'state-mount',
        'the `.mesh` folder holds the keys of the mesh: it cannot be mounted',
        'mount another folder',
        true,
      );
    } else if (socket !== undefined && mount.source === '/') {
      say(
        place,
        'host-mount',
        'mounting `/` gives the container the whole host, docker.sock with it',
        `mount the folder it needs${grants}`,
      );
    } else if (socket !== undefined) {
      const how = mount.source === socket ? '' : ` (${shown(mount.source)} contains docker.sock)`;
      say(place, 'docker-socket', `docker.sock makes the container root on the host${how}`, `remove the mount${grants}`);
    } else if (!facts.projectDirs.some(dir => contains(dir, real)) && !(mount.readOnly && harmless.has(mount.source))) {
      const message = `${shown(mount.source)} is outside the project folder`;
      say(place, 'host-mount', message, `mount something below ${facts.projectDirs[0] ?? ''}, or a named volume${grants}`);
    }
  }
  return diagnostics;
}

/** Capabilities that undo the container's walls or the mesh's interception. */
function hostCapabilities(container: ContainerConfig): readonly string[] {
  const dangerous = new Set([
    'ALL',
    'SYS_ADMIN',
    'SYS_MODULE',
    'SYS_RAWIO',
    'SYS_PTRACE',
    'DAC_READ_SEARCH',
    'NET_ADMIN',
    'BPF',
    'SYS_BOOT',
  ]);
  return container.capAdd.filter(capability => dangerous.has(capability.toUpperCase().replace(/^CAP_/, '')));
}

function isStateFolder(path: string): boolean {
  return path.split(sep).includes('.mesh');
}

/** Whether `inner` is `outer` or lies below it. */
function contains(outer: string, inner: string): boolean {
  const way = relative(outer, inner);
  return way === '' || (!way.startsWith(`..${sep}`) && way !== '..' && !isAbsolute(way));
}
