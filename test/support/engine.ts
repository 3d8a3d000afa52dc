/**
 * The Docker engine as a test sees it: its API over plain HTTP, independent of the adapter under test.
 */
import { request } from 'node:http';

/** Answer of one API call. */
export interface EngineAnswer {
  readonly status: number;
  readonly body: Buffer;
}

function target(): { socketPath: string } | { host: string; port: number } {
  const host = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock';
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) };
  const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
  return { host: hostname, port: Number(port || 2375) };
}

/** One call; `body` is sent as JSON. Rejects only when no engine answers. */
export function engineCall(method: string, path: string, body?: unknown): Promise<EngineAnswer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const call = request({ ...target(), method, path, headers, agent: false }, response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end(text);
  });
}

/** One call that must succeed. @returns its JSON, `null` where there is none @throws Error with the engine's words */
export async function engineJson(method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await engineCall(method, path, body);
  const text = answer.body.toString('utf8');
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text.trim()}`);
  return text === '' ? null : JSON.parse(text);
}

/** What a process in a container came to. */
export interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Splits the engine's framed stream: a byte for the stream, three empty ones, four of length, then the bytes. */
function unframe(body: Buffer): { stdout: string; stderr: string } {
  const parts: { 1: Buffer[]; 2: Buffer[] } = { 1: [], 2: [] };
  for (let at = 0; at + 8 <= body.length; ) {
    const end = at + 8 + body.readUInt32BE(at + 4);
    parts[body[at] === 2 ? 2 : 1].push(body.subarray(at + 8, end));
    at = end;
  }
  return { stdout: Buffer.concat(parts[1]).toString('utf8'), stderr: Buffer.concat(parts[2]).toString('utf8') };
}

/** Runs a command in a running container, as `docker exec` does. */
export async function exec(
  container: string,
  command: readonly string[],
  options: { readonly user?: string } = {},
): Promise<Output> {
  const { Id } = (await engineJson('POST', `/containers/${container}/exec`, {
    AttachStdout: true,
    AttachStderr: true,
    Cmd: command,
    ...(options.user === undefined ? {} : { User: options.user }),
  })) as { Id: string };
  const stream = await engineCall('POST', `/exec/${Id}/start`, { Detach: false, Tty: false });
  const { ExitCode } = (await engineJson('GET', `/exec/${Id}/json`)) as { ExitCode: number };
  return { exitCode: ExitCode, ...unframe(stream.body) };
}

/** How a stray container runs: `network` is a network's name, or `container:<id>` to look into a pod from inside. */
export interface StrayOptions {
  readonly network: string;
  readonly capabilities?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command in a container of its own, waits for its end and removes it. Names no mesh: it is the stranger next door. */
export async function runStray(image: string, command: readonly string[], options: StrayOptions): Promise<Output> {
  const { Id } = (await engineJson('POST', '/containers/create', {
    Image: image,
    Entrypoint: [],
    Cmd: command,
    Env: Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`),
    Labels: { 'localmesh.test': 'stray' },
    HostConfig: { NetworkMode: options.network, CapAdd: options.capabilities ?? [] },
  })) as { Id: string };
  try {
    await engineJson('POST', `/containers/${Id}/start`);
    const { StatusCode } = (await engineJson('POST', `/containers/${Id}/wait`)) as { StatusCode: number };
    const logs = await engineCall('GET', `/containers/${Id}/logs?stdout=1&stderr=1`);
    return { exitCode: StatusCode, ...unframe(logs.body) };
  } finally {
    await engineCall('DELETE', `/containers/${Id}?force=1&v=1`);
  }
}
