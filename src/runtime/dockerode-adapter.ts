/** The real engine behind the port `Docker`. The only file that knows dockerode; it is loaded when the first engine is looked for. */
import type { Duplex, Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import { buildContext } from './build-context.ts';
import type {
  BuildRequest,
  ContainerBody,
  ContainerFacts,
  Docker,
  EngineEvent,
  EngineInfo,
  ExecRequest,
  ImageFacts,
  LabelFilter,
  LogChunk,
  LogOptions,
} from './docker.ts';
import { oldestApi } from './docker.ts';
import { demultiplex, engineError, jsonLines, refusal } from './engine-answer.ts';
import type { EndpointInputs, EngineEndpoint } from './engine-endpoint.ts';
import { dockerFolder, findEndpoints } from './engine-endpoint.ts';
import { containerFacts, portHolders } from './engine-facts.ts';
import { registryLogin } from './registry-login.ts';
import { EngineTooOld, EngineUnreachable, ImageMissing, RuntimeError } from './runtime-error.ts';

/** A quick call (list, inspect, create) that takes longer means an engine that hangs. */
const quickCallMs = 30_000;
/** Everything but exec_*, which health checks flood the stream with. */
const watchedActions = ['create', 'start', 'restart', 'die', 'destroy', 'pause', 'unpause', 'oom', 'health_status', 'rename'];

type Stream = NodeJS.ReadableStream & AsyncIterable<Buffer>;

/** Finds an engine that answers. @throws EngineUnreachable (with all that was tried), EngineTooOld */
export async function connectDocker(inputs: EndpointInputs): Promise<Docker> {
  const { candidates, notes } = await findEndpoints(inputs);
  const tried = [...notes];
  for (const endpoint of candidates) {
    const docker = await openDocker(endpoint, inputs.platform, dockerFolder(inputs));
    try {
      await docker.info();
      return docker;
    } catch (error) {
      if (!(error instanceof EngineUnreachable)) throw error;
      tried.push(...error.tried.map(line => `${line} (${endpoint.from})`));
    }
  }
  throw new EngineUnreachable(tried);
}

/** The port for one endpoint, without asking whether it answers. `configDir`: docker's own folder, for logins. */
async function openDocker(endpoint: EngineEndpoint, platform: NodeJS.Platform, configDir: string): Promise<Docker> {
  const { default: Client } = await import('dockerode');
  return new DockerodeAdapter(
    new Client(clientOptions(endpoint)),
    endpoint.url,
    platform === 'linux' && endpoint.url.startsWith('unix://'),
    configDir,
  );
}

function clientOptions({ url, tls }: EngineEndpoint): Dockerode.DockerOptions {
  if (url.startsWith('unix://')) return { socketPath: url.slice('unix://'.length) };
  if (url.startsWith('npipe://')) return { socketPath: url.slice('npipe://'.length) };
  const { hostname, port, username, protocol } = new URL(url);
  if (protocol === 'ssh:') return { protocol: 'ssh', host: hostname, port: port === '' ? 22 : Number(port), username };
  const secure = tls !== null || protocol === 'https:';
  return {
    protocol: secure ? 'https' : 'http',
    host: hostname,
    port: port === '' ? (secure ? 2376 : 2375) : Number(port),
    ...(tls ?? {}),
  };
}

class DockerodeAdapter implements Docker {
  readonly endpoint: string;
  readonly sharesHost: boolean;
  readonly #client: Dockerode;
  readonly #configDir: string;

  constructor(client: Dockerode, endpoint: string, sharesHost: boolean, configDir: string) {
    this.#client = client;
    this.#configDir = configDir;
    this.endpoint = endpoint;
    this.sharesHost = sharesHost;
  }

  async info(): Promise<EngineInfo> {
    const version = await this.#ask(() => this.#dial<Dockerode.DockerVersion>('GET', '/version'));
    if (isOlder(version.ApiVersion, oldestApi)) throw new EngineTooOld(version.ApiVersion, oldestApi);
    return { version: version.Version, apiVersion: version.ApiVersion, arch: version.Arch, os: version.Os };
  }

  async listContainers(labels: LabelFilter): Promise<readonly ContainerFacts[]> {
    const found = await this.#ask(() =>
      this.#client.listContainers({ all: true, filters: { label: labelFilter(labels) }, abortSignal: quick() }),
    );
    // The listing lacks exit codes, start times and the network of a stopped container: inspect each, a millisecond or two apiece.
    const facts = await Promise.all(found.map(one => this.inspectContainer(one.Id)));
    return facts.filter(one => one !== null);
  }

  async inspectContainer(ref: string): Promise<ContainerFacts | null> {
    return this.#ask(() =>
      orNull(async () => containerFacts(await this.#client.getContainer(ref).inspect({ abortSignal: quick() }))),
    );
  }

  async listPorts() {
    return portHolders(await this.#ask(() => this.#client.listContainers({ abortSignal: quick() })));
  }

  async createContainer(name: string, body: ContainerBody): Promise<string> {
    const container = await this.#ask(() => this.#client.createContainer({ name, ...body } as Dockerode.ContainerCreateOptions));
    return container.id;
  }

  async startContainer(id: string): Promise<void> {
    await this.#ask(() => accepting([304], () => this.#client.getContainer(id).start()));
  }

  async stopContainer(id: string, graceMs: number | null): Promise<void> {
    const options = graceMs === null ? {} : { t: Math.ceil(graceMs / 1000) };
    await this.#ask(() => accepting([304, 404], () => this.#client.getContainer(id).stop(options)));
  }

  async killContainer(id: string): Promise<void> {
    await this.#ask(() => accepting([404, 409], () => this.#client.getContainer(id).kill()));
  }

  async removeContainer(id: string): Promise<void> {
    // 409: another removal of it is under way.
    await this.#ask(() => accepting([404, 409], () => this.#client.getContainer(id).remove({ force: true, v: true })));
  }

  async putArchive(id: string, path: string, tar: Buffer): Promise<void> {
    await this.#ask(() => this.#client.getContainer(id).putArchive(tar, { path }));
  }

  async waitContainer(id: string, condition: 'not-running' | 'next-exit', signal: AbortSignal): Promise<number> {
    const result = (await this.#ask(() => this.#client.getContainer(id).wait({ condition, abortSignal: signal }))) as {
      StatusCode: number;
    };
    return result.StatusCode;
  }

  async *logs(id: string, options: LogOptions): AsyncGenerator<LogChunk> {
    const container = await this.inspectContainer(id);
    if (container === null) return;
    const query = {
      stdout: true,
      stderr: true,
      follow: options.follow,
      timestamps: options.timestamps,
      ...(options.since === '' ? {} : { since: unixSeconds(options.since) }),
      tail: options.tail === null ? 'all' : String(options.tail),
    };
    try {
      const stream = await this.#ask(() =>
        this.#dial<Stream>('GET', `/containers/${container.id}/logs?`, query, { isStream: true, abortSignal: options.signal }),
      );
      yield* demultiplex(stream, container.tty);
    } catch (error) {
      if (!options.signal.aborted) throw engineError(error, this.endpoint);
    }
  }

  async exec(id: string, request: ExecRequest): Promise<number> {
    const exec = await this.#ask(() =>
      this.#client.getContainer(id).exec({
        Cmd: [...request.command],
        AttachStdin: request.stdin !== null,
        AttachStdout: true,
        AttachStderr: true,
        Tty: request.tty,
        Env: Object.entries(request.environment).map(([key, value]) => `${key}=${value}`),
        ...(request.user === null ? {} : { User: request.user }),
        ...(request.workingDir === null ? {} : { WorkingDir: request.workingDir }),
      }),
    );
    const stream: Duplex = await this.#ask(() => exec.start({ hijack: true, stdin: request.stdin !== null, Tty: request.tty }));
    const abort = () => stream.destroy();
    request.signal.addEventListener('abort', abort, { once: true });
    request.onResizable?.((columns, rows) => void exec.resize({ w: columns, h: rows }).catch(() => {})); // the command may have ended
    request.stdin?.pipe(stream);
    try {
      for await (const chunk of demultiplex(stream, request.tty)) request.onOutput(chunk);
    } catch (error) {
      if (!request.signal.aborted) throw engineError(error, this.endpoint);
    } finally {
      request.stdin?.unpipe(stream);
      request.signal.removeEventListener('abort', abort);
    }
    request.signal.throwIfAborted();
    return (await this.#ask(() => exec.inspect())).ExitCode ?? 0;
  }

  async inspectImage(ref: string): Promise<ImageFacts | null> {
    const image = await this.#ask(() => orNull(() => this.#client.getImage(ref).inspect()));
    if (image === null) return null;
    const ports = Object.keys(image.Config?.ExposedPorts ?? {}).filter(key => !key.endsWith('/udp'));
    const exposedPorts = ports.map(key => Number.parseInt(key, 10));
    return { id: image.Id, arch: image.Architecture, os: image.Os, exposedPorts, user: image.Config?.User ?? '' };
  }

  async importImage(tar: Readable, ref: string, changes: readonly string[]): Promise<string> {
    const [repo, tag] = splitRef(ref);
    const stream = await this.#ask(() =>
      this.#client.importImage(tar as NodeJS.ReadableStream, { repo, tag, changes: [...changes] }),
    );
    return this.#imageMade(stream as Stream, ref, 'engine-error');
  }

  async commitContainer(id: string, ref: string, changes: readonly string[]): Promise<string> {
    const [repo, tag] = splitRef(ref);
    const made = await this.#ask(() =>
      this.#dial<{ Id: string }>(
        'POST',
        '/commit?',
        { container: id, repo, tag, changes: [...changes] },
        { statusCodes: { 201: true } },
      ),
    );
    return made.Id;
  }

  async pullImage(ref: string, platform: string | null, onProgress: (line: string) => void, signal: AbortSignal): Promise<void> {
    const failed = (reason: string) =>
      new RuntimeError(
        'pull-failed',
        `Image ${ref} cannot be pulled: ${reason}`,
        'Is the name right, are you online and logged in (`docker login`)? Or build it: `build: .`',
      );
    try {
      const login = await registryLogin(ref, this.#configDir);
      const stream = (await this.#client.pull(ref, {
        ...(platform === null ? {} : { platform }),
        ...(login === null ? {} : { authconfig: login }),
        abortSignal: signal,
      })) as Stream;
      for await (const line of jsonLines(stream)) {
        if (typeof line['error'] === 'string') throw failed(line['error']);
        onProgress([line['id'], line['status'], line['progress']].filter(part => typeof part === 'string').join(' '));
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RuntimeError) throw error;
      throw refusal(error).statusCode === null ? engineError(error, this.endpoint) : failed(refusal(error).message);
    }
  }

  async buildImage(request: BuildRequest, onProgress: (line: string) => void, signal: AbortSignal): Promise<string> {
    const { tar, dockerfile } = await buildContext(request.context, request.dockerfile);
    const options = {
      t: request.tag,
      dockerfile,
      buildargs: { ...request.args },
      labels: { ...request.labels },
      rm: true,
      forcerm: true,
      ...(request.target === null ? {} : { target: request.target }),
      ...(request.platform === null ? {} : { platform: request.platform }),
      abortSignal: signal,
    };
    const said: string[] = [];
    try {
      for await (const line of jsonLines((await this.#client.buildImage(tar as NodeJS.ReadableStream, options)) as Stream)) {
        if (typeof line['error'] === 'string') {
          throw new RuntimeError(
            'build-failed',
            `Building ${request.tag} failed: ${line['error']}\n${said.slice(-15).join('\n')}`,
          );
        }
        const text = String(line['stream'] ?? line['status'] ?? '').trimEnd();
        if (text !== '') {
          said.push(text);
          onProgress(text);
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RuntimeError) throw error;
      if (refusal(error).statusCode === null) throw engineError(error, this.endpoint);
      throw new RuntimeError('build-failed', `Building ${request.tag} failed: ${refusal(error).message}`);
    }
    return (await this.inspectImage(request.tag))?.id ?? '';
  }

  async listImages(labels: LabelFilter) {
    const found = await this.#ask(() => this.#client.listImages({ filters: JSON.stringify({ label: labelFilter(labels) }) }));
    return found.map(({ Id, RepoTags, Created }) => ({
      id: Id,
      tags: (RepoTags ?? []).filter(tag => tag !== '<none>:<none>'),
      createdAtMs: Created * 1000,
    }));
  }

  async removeImage(ref: string): Promise<void> {
    await this.#ask(() => accepting([404, 409], () => this.#client.getImage(ref).remove()));
  }

  async listNetworks(labels: LabelFilter) {
    const found = await this.#ask(() => this.#client.listNetworks({ filters: { label: labelFilter(labels) } }));
    return found.map(one => ({ id: one.Id, name: one.Name, labels: one.Labels ?? {} }));
  }

  async createNetwork(name: string, labels: Readonly<Record<string, string>>): Promise<string> {
    const made = await this.#ask(() =>
      this.#client.createNetwork({ Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: { ...labels } }),
    );
    return made.id;
  }

  async removeNetwork(id: string): Promise<void> {
    await this.#ask(() => accepting([404], () => this.#client.getNetwork(id).remove()));
  }

  async inspectVolume(name: string) {
    const volume = await this.#ask(() => orNull(() => this.#client.getVolume(name).inspect()));
    return volume === null ? null : { name: volume.Name, labels: volume.Labels ?? {} };
  }

  async listVolumes(labels: LabelFilter) {
    const found = await this.#ask(() => this.#client.listVolumes({ filters: { label: labelFilter(labels) } }));
    return (found.Volumes ?? []).map(one => ({ name: one.Name, labels: one.Labels ?? {} }));
  }

  async createVolume(name: string, options: Parameters<Docker['createVolume']>[1]): Promise<void> {
    const driver = options.driver === null ? {} : { Driver: options.driver };
    await this.#ask(() =>
      this.#client.createVolume({ Name: name, ...driver, DriverOpts: { ...options.driverOpts }, Labels: { ...options.labels } }),
    );
  }

  async removeVolume(name: string): Promise<void> {
    await this.#ask(() => accepting([404], () => this.#client.getVolume(name).remove()));
  }

  async *events(labels: LabelFilter, signal: AbortSignal, onOpen: () => void): AsyncGenerator<EngineEvent> {
    const filters = JSON.stringify({ type: ['container'], label: labelFilter(labels), event: watchedActions });
    try {
      const stream = await this.#dial<Stream>('GET', '/events?', { filters }, { isStream: true, abortSignal: signal });
      onOpen();
      for await (const line of jsonLines(stream)) {
        const actor = line['Actor'] as { ID?: string; Attributes?: Record<string, string> } | undefined;
        yield { action: String(line['Action'] ?? ''), containerId: actor?.ID ?? '', labels: actor?.Attributes ?? {} };
      }
    } catch (error) {
      if (!signal.aborted) throw engineError(error, this.endpoint);
    }
  }

  /** Follows an import to its end and gives the image's id. */
  async #imageMade(stream: Stream, ref: string, code: 'engine-error'): Promise<string> {
    for await (const line of jsonLines(stream)) {
      if (typeof line['error'] === 'string') throw new RuntimeError(code, `Image ${ref} cannot be made: ${line['error']}`);
    }
    const image = await this.inspectImage(ref);
    if (image === null) throw new ImageMissing(ref);
    return image.id;
  }

  /** A call that dockerode has no fitting method for, through its own transport. */
  #dial<T>(
    method: 'GET' | 'POST',
    path: string,
    query: object = {},
    more: { isStream?: boolean; abortSignal?: AbortSignal; statusCodes?: Record<number, true> } = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const request = {
        path,
        method,
        options: { _query: query, _body: {} },
        statusCodes: { 200: true },
        abortSignal: quick(),
        ...more,
      };
      this.#client.modem.dial(request as never, (error: unknown, data: unknown) => (error ? reject(error) : resolve(data as T)));
    });
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw engineError(error, this.endpoint);
    }
  }
}

/** Takes these statuses as done. */
async function accepting(statuses: readonly number[], call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    const { statusCode } = refusal(error);
    if (statusCode === null || !statuses.includes(statusCode)) throw error;
  }
}

async function orNull<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (refusal(error).statusCode === 404) return null;
    throw error;
  }
}

function quick(): AbortSignal {
  return AbortSignal.timeout(quickCallMs);
}

function labelFilter(labels: LabelFilter): string[] {
  return Object.entries(labels).map(([key, value]) => (value === '' ? key : `${key}=${value}`));
}

/** The engine takes log times as Unix seconds with a fraction only; containers' times are RFC 3339. */
function unixSeconds(time: string): string {
  const [, whole, fraction = '0'] = /^(\d{4}-.*?:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(time) ?? [];
  return whole === undefined ? time : `${Date.parse(`${whole}Z`) / 1000}.${fraction}`;
}

function splitRef(ref: string): readonly [string, string] {
  const colon = ref.lastIndexOf(':');
  return [ref.slice(0, colon), ref.slice(colon + 1)];
}

function isOlder(found: string, needed: string): boolean {
  const [a = 0, b = 0] = found.split('.').map(Number);
  const [c = 0, d = 0] = needed.split('.').map(Number);
  return a < c || (a === c && b < d);
}
