/** Where the engine is: DOCKER_HOST, else the current docker context, else the well-known sockets. The order docker users expect. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** One place to try. */
export interface EngineEndpoint {
  /** `unix:///…`, `npipe:////./pipe/…`, `tcp://host:port`, `https://…` or `ssh://…`. */
  readonly url: string;
  /** Why it is tried, for messages. */
  readonly from: string;
  /** Client certificates for TLS over tcp; `null`: none. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } | null;
}

/** Where an engine may be named. */
export interface EndpointInputs {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** Of the user, for rootless engines; `null` where there are none. */
  readonly uid: number | null;
}

/** Candidates in the order to try, and notes on places that had nothing. An explicit choice (DOCKER_HOST, context) is the only candidate. */
export async function findEndpoints(
  inputs: EndpointInputs,
): Promise<{ readonly candidates: readonly EngineEndpoint[]; readonly notes: readonly string[] }> {
  const { env, home } = inputs;
  const host = env['DOCKER_HOST'];
  if (host !== undefined && host !== '') {
    const url = host.includes('://') ? host : `tcp://${host}`;
    const wantsTls = (env['DOCKER_TLS_VERIFY'] ?? '') !== '' || url.startsWith('https://');
    const tls = wantsTls ? await readTls(env['DOCKER_CERT_PATH'] ?? join(home, '.docker')) : null;
    return { candidates: [{ url, from: 'DOCKER_HOST', tls }], notes: [] };
  }
  const notes = ['DOCKER_HOST is not set'];
  const configDir = dockerFolder(inputs);
  const name = env['DOCKER_CONTEXT'] ?? (await readJson(join(configDir, 'config.json')))?.['currentContext'];
  if (typeof name === 'string' && name !== '' && name !== 'default') {
    const found = await contextEndpoint(configDir, name);
    if (found !== null) return { candidates: [found], notes };
    notes.push(`docker context "${name}" is current but not stored in ${configDir}`);
  } else {
    notes.push(`no docker context is chosen in ${configDir}`);
  }
  const candidates: EngineEndpoint[] = [];
  for (const path of wellKnown(inputs)) {
    const url = inputs.platform === 'win32' ? `npipe://${path}` : `unix://${path}`;
    if (inputs.platform !== 'win32' && !(await isSocket(path))) notes.push(`${url}: no such socket`);
    else candidates.push({ url, from: 'well-known socket', tls: null });
  }
  return { candidates, notes };
}

/** Docker's own folder of settings and logins. */
export function dockerFolder({ env, home }: EndpointInputs): string {
  return env['DOCKER_CONFIG'] ?? join(home, '.docker');
}

function wellKnown({ platform, home, uid, env }: EndpointInputs): readonly string[] {
  if (platform === 'win32') return ['//./pipe/docker_engine', '//./pipe/dockerDesktopLinuxEngine'];
  const runtimeDir = env['XDG_RUNTIME_DIR'] ?? (uid === null ? null : `/run/user/${uid}`);
  return [
    '/var/run/docker.sock',
    join(home, '.docker/run/docker.sock'), // Docker Desktop
    join(home, '.docker/desktop/docker.sock'), // Docker Desktop on Linux
    ...(runtimeDir === null ? [] : [join(runtimeDir, 'docker.sock')]), // rootless
    join(home, '.colima/default/docker.sock'),
    join(home, '.rd/docker.sock'), // Rancher Desktop
    join(home, '.orbstack/run/docker.sock'),
    ...(runtimeDir === null ? [] : [join(runtimeDir, 'podman/podman.sock')]),
  ];
}

/** A context is stored under the SHA-256 of its name. */
async function contextEndpoint(configDir: string, name: string): Promise<EngineEndpoint | null> {
  const id = createHash('sha256').update(name).digest('hex');
  const meta = await readJson(join(configDir, 'contexts/meta', id, 'meta.json'));
  const endpoints = meta?.['Endpoints'];
  const docker = isRecord(endpoints) ? endpoints['docker'] : undefined;
  const url = isRecord(docker) ? docker['Host'] : undefined;
  if (typeof url !== 'string') return null;
  return { url, from: `docker context "${name}"`, tls: await readTls(join(configDir, 'contexts/tls', id, 'docker')) };
}

async function readTls(folder: string): Promise<EngineEndpoint['tls']> {
  try {
    const [ca, cert, key] = await Promise.all(
      ['ca.pem', 'cert.pem', 'key.pem'].map(file => readFile(join(folder, file), 'utf8')),
    );
    return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
  } catch {
    return null;
  }
}

async function readJson(file: string): Promise<Record<string, unknown> | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isSocket();
  } catch {
    return false;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
