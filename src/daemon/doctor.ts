import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { homedir, release } from 'node:os';
import type { Check, Project } from '../api/backend.ts';
import { asMeshError } from '../api/mesh-error.ts';
import type { Docker } from '../runtime/docker.ts';
import { findListener } from '../runtime/host-port.ts';
import { readConfig } from './config-source.ts';
import { connectEngine } from './engine-session.ts';
import { findBundle, findNodeBinary } from './sidecar-parts.ts';

/** The sidecar's image takes 130 MB, the apps' more. */
const wantedFreeBytes = 2 * 1024 ** 3;

/** The security releases of March 2026: in earlier ones a TLS hello, a header or an HTTP/2 frame could end the process. */
const patched: ReadonlyMap<number, readonly [minor: number, patch: number]> = new Map([
  [22, [22, 2]],
  [24, [14, 1]],
]);

/** Looks at everything that `mesh up` needs and touches nothing. */
export async function examine(project: Project): Promise<readonly Check[]> {
  let docker: Docker | null = null;
  let engine: Check;
  try {
    docker = await connectEngine(project.env);
    const { version, apiVersion, arch, os } = await docker.info();
    engine = ok('engine', `Docker ${version} (API ${apiVersion}, ${os}/${arch}) at ${docker.endpoint}`);
  } catch (error) {
    const known = asMeshError(error);
    engine = failed('engine', known?.message ?? String(error), known?.hint ?? '');
  }
  return [
    engine,
    judgeNode(process.versions.node),
    await sidecar(docker),
    kernel(docker),
    await disk(docker),
    ...(await portsOf(project, docker)),
  ];
}

/** Judges the Node that the daemon runs on. */
export function judgeNode(version: string): Check {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const detail = `Node ${version}`;
  if (major < 22 || (major === 22 && minor < 12)) return failed('node', detail, 'Node 22.12 or newer is needed');
  const [leastMinor, leastPatch] = patched.get(major) ?? [0, 0];
  if (minor > leastMinor || (minor === leastMinor && patch >= leastPatch)) return ok('node', detail);
  const hint = `${major}.${leastMinor}.${leastPatch} mends known weaknesses: update Node`;
  return warning('node', `${detail} can be brought down over the network`, hint);
}

async function sidecar(docker: Docker | null): Promise<Check> {
  try {
    findBundle();
  } catch (error) {
    const known = asMeshError(error);
    return failed('sidecar', known?.message ?? String(error), known?.hint ?? '');
  }
  if (docker === null) return warning('sidecar', 'bundle is there; the engine’s architecture is not known', '');
  const { arch } = await docker.info();
  const binary = findNodeBinary(arch);
  if (binary !== null) return ok('sidecar', `bundle is there, Node for ${arch} is ${binary}`);
  return warning(
    'sidecar',
    `no Node binary for linux/${arch} on this machine`,
    'set proxy.image in mesh.yaml (or MESH_PROXY_IMAGE) to an image that has Node 22.14 or newer, e.g. node:24-slim',
  );
}

/** The sidecar writes nf_tables rules in the kernel that runs the containers, which may be a VM's. */
function kernel(docker: Docker | null): Check {
  if (docker !== null && !docker.sharesHost)
    return ok('kernel', 'the engine has a kernel of its own; sidecars tell when it lacks nf_tables');
  if (process.platform !== 'linux') return ok('kernel', `${process.platform}: containers run in the engine’s VM`);
  if (existsSync('/sys/module/nf_tables') || existsSync('/proc/sys/net/netfilter'))
    return ok('kernel', `Linux ${release()} with netfilter`);
  return warning('kernel', `Linux ${release()}: nf_tables is not loaded yet`, 'if sidecars do not start: modprobe nf_tables');
}

async function disk(docker: Docker | null): Promise<Check> {
  if (docker === null) return warning('disk', 'where the engine keeps its data is not known', '');
  if (!docker.sharesHost) return ok('disk', 'the engine has a disk of its own; `docker system df` shows what takes room');
  const place = existsSync('/var/lib/docker') ? '/var/lib/docker' : homedir();
  const { bavail, bsize } = await statfs(place);
  const detail = `${(Number(bavail * bsize) / 1024 ** 3).toFixed(1)} GiB free at ${place}`;
  return bavail * bsize >= wantedFreeBytes
    ? ok('disk', detail)
    : warning('disk', detail, '`docker system df` shows what takes room');
}

/** Ports that mesh.yaml wants on this machine, where it can be read. */
async function portsOf(project: Project, docker: Docker | null): Promise<readonly Check[]> {
  if (!existsSync(project.file)) return [];
  const { config } = await readConfig(project);
  if (config === null) return [warning('config', `${project.file} has errors`, '`mesh validate` shows them')];
  const held = docker === null ? [] : await docker.listPorts();
  return Promise.all(
    config.gateways.map(async ({ name, hostAddress, port }) => {
      const container = held.find(each => each.hostPort === port);
      const owner = container?.containerName ?? (await findListener(hostAddress, port));
      if (owner === null) return ok('port', `${port} is free for gateway ${name}`);
      if (owner.startsWith(config.name)) return ok('port', `${port} is held by gateway ${name} itself`);
      return failed('port', `${port} for gateway ${name} is taken by ${owner}`, 'stop it, or choose another port in mesh.yaml');
    }),
  );
}

function ok(name: string, detail: string): Check {
  return { name, state: 'ok', detail, hint: '' };
}

function warning(name: string, detail: string, hint: string): Check {
  return { name, state: 'warning', detail, hint };
}

function failed(name: string, detail: string, hint: string): Check {
  return { name, state: 'failed', detail, hint };
}
