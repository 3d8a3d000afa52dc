/**
 * An engine in memory behind the port `Docker`. Containers run a tiny part of `sh -c` (echo, cat, sleep, exit, joined by `;`).
 * `test/contract/docker.test.ts` holds it to what the real engine does.
 */

import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { systemClock } from '../../src/async/clock.ts';
import type {
  ContainerBody,
  ContainerFacts,
  Docker,
  EngineEvent,
  ExecRequest,
  ImageFacts,
  LabelFilter,
  LogChunk,
  LogOptions,
  NetworkFacts,
  PublishedPort,
  VolumeFacts,
} from '../../src/runtime/docker.ts';
import { EngineUnreachable, ImageMissing, PortTaken, RuntimeError } from '../../src/runtime/runtime-error.ts';

interface FakeContainer {
  facts: ContainerFacts;
  readonly body: ContainerBody;
  readonly output: LogChunk[];
  readonly files: Map<string, string>;
  /** Incremented at each end. */
  ends: number;
}

interface FakeImage extends ImageFacts {
  readonly ref: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}

/** See the module. `calls` lists what was asked, for tests about order; `unreachable` makes every call fail. */
export class FakeDocker implements Docker {
  readonly endpoint = 'fake://engine';
  readonly sharesHost = false;
  readonly calls: string[] = [];
  readonly images = new Map<string, FakeImage>();
  unreachable = false;
  readonly #containers = new Map<string, FakeContainer>();
  readonly #networks = new Map<string, NetworkFacts>();
  readonly #volumes = new Map<string, VolumeFacts>();
  readonly #listeners = new Set<(event: EngineEvent | null) => void>();
  readonly #changed = new Set<() => void>();
  #ids = 0;

  async info() {
    this.#reach();
    return { version: '20.10.0', apiVersion: '1.41', arch: 'amd64', os: 'linux' };
  }

  async listContainers(labels: LabelFilter) {
    this.#reach();
    return [...this.#containers.values()].map(one => one.facts).filter(one => matches(one.labels, labels));
  }

  async inspectContainer(ref: string) {
    this.#reach();
    return this.#find(ref)?.facts ?? null;
  }

  async listPorts() {
    return [...this.#containers.values()].flatMap(({ facts }) =>
      facts.state === 'running'
        ? facts.published.map(port => ({ ...port, containerId: facts.id, containerName: facts.name }))
        : [],
    );
  }

  async createContainer(name: string, body: ContainerBody) {
    this.#reach();
    this.calls.push(`create ${name}`);
    const image = this.images.get(body.Image);
    if (image === undefined) throw new ImageMissing(body.Image);
    if (this.#find(name) !== undefined) throw new RuntimeError('name-taken', `A container named ${name} exists already.`);
    const id = this.#id('c');
    const facts: ContainerFacts = {
      id,
      name,
      image: body.Image,
      imageId: image.id,
      labels: body.Labels,
      state: 'created',
      health: 'none',
      exitCode: null,
      oomKilled: false,
      startedAt: '0001-01-01T00:00:00Z',
      tty: body.Tty ?? false,
      addresses: {},
      published: [],
    };
    this.#containers.set(id, { facts, body, output: [], files: new Map(), ends: 0 });
    this.#emit('create', facts);
    return id;
  }

  async startContainer(id: string) {
    const container = this.#need(id);
    if (container.facts.state === 'running') return;
    this.calls.push(`start ${container.facts.name}`);
    const { NetworkMode, PortBindings = {} } = container.body.HostConfig;
    const owner = NetworkMode.startsWith('container:') ? this.#find(NetworkMode.slice('container:'.length)) : null;
    if (owner === undefined || (owner !== null && owner.facts.state !== 'running'))
      throw new RuntimeError('engine-error', 'Docker refused: cannot join network of a non running container');
    const published = Object.entries(PortBindings).flatMap(([port, bindings]) => bindings.map(one => this.#bind(port, one)));
    this.#set(container, {
      state: 'running',
      exitCode: null,
      startedAt: `2026-01-01T00:00:00.${String(++this.#ids).padStart(9, '0')}Z`,
      addresses: owner === null && NetworkMode !== 'none' ? { [NetworkMode]: `172.20.0.${this.#ids % 250}` } : {},
      published,
      health: container.body.Healthcheck?.Test?.[0]?.startsWith('CMD') ? 'starting' : 'none',
    });
    this.#emit('start', container.facts);
    setImmediate(() => this.#runProgram(container));
  }

  async stopContainer(id: string, _graceMs: number | null) {
    const container = this.#find(id);
    if (container?.facts.state !== 'running') return;
    this.calls.push(`stop ${container.facts.name}`);
    this.#end(container, 143);
  }

  async killContainer(id: string) {
    const container = this.#find(id);
    if (container?.facts.state !== 'running') return;
    this.calls.push(`kill ${container.facts.name}`);
    this.#end(container, 137);
  }

  async removeContainer(id: string) {
    const container = this.#find(id);
    if (container === undefined) return;
    this.calls.push(`remove ${container.facts.name}`);
    if (container.facts.state === 'running') this.#end(container, 137);
    this.#containers.delete(container.facts.id);
    this.#emit('destroy', container.facts);
  }

  async putArchive(id: string, path: string, tar: Buffer) {
    const container = this.#need(id);
    const reader = extract();
    Readable.from([tar]).pipe(reader);
    for await (const entry of reader)
      container.files.set(
        `${path}${entry.header.name}`.replaceAll('//', '/'),
        (await buffer(entry as unknown as Readable)).toString(),
      );
  }

  async waitContainer(id: string, condition: 'not-running' | 'next-exit', signal: AbortSignal) {
    const container = this.#need(id);
    const ends = container.ends;
    await this.#until(() => (condition === 'next-exit' ? container.ends > ends : container.facts.state !== 'running'), signal);
    return container.facts.exitCode ?? 0;
  }

  async *logs(id: string, options: LogOptions): AsyncGenerator<LogChunk> {
    const container = this.#find(id);
    if (container === undefined) return;
    let next = options.tail === null ? 0 : Math.max(0, container.output.length - options.tail);
    for (;;) {
      for (; next < container.output.length; next += 1) yield container.output[next] as LogChunk;
      if (!options.follow || container.facts.state !== 'running') return;
      try {
        await this.#until(() => container.output.length > next || container.facts.state !== 'running', options.signal);
      } catch {
        return;
      }
    }
  }

  async exec(id: string, request: ExecRequest) {
    const container = this.#need(id);
    const { output, exitCode } = run(request.command, container.files);
    for (const chunk of output) request.onOutput(chunk);
    return exitCode ?? 0;
  }

  async inspectImage(ref: string) {
    this.#reach();
    return this.images.get(ref) ?? null;
  }

  async importImage(tar: Readable, ref: string, changes: readonly string[]) {
    this.calls.push(`import ${ref}`);
    await buffer(tar);
    return this.addImage(ref, { labels: labelsOf(changes), exposedPorts: portsOf(changes) });
  }

  async commitContainer(_id: string, ref: string, changes: readonly string[]) {
    return this.addImage(ref, { labels: labelsOf(changes), exposedPorts: portsOf(changes) });
  }

  async pullImage(ref: string, _platform: string | null, onProgress: (line: string) => void, _signal: AbortSignal) {
    this.calls.push(`pull ${ref}`);
    if (ref.startsWith('absent')) throw new RuntimeError('pull-failed', `Image ${ref} cannot be pulled: not found`);
    onProgress('Downloading');
    this.addImage(ref);
  }

  async buildImage({ tag }: Parameters<Docker['buildImage']>[0], onProgress: (line: string) => void, _signal: AbortSignal) {
    this.calls.push(`build ${tag}`);
    onProgress('Step 1');
    return this.addImage(tag);
  }

  async listImages(labels: LabelFilter) {
    return [...this.images.values()]
      .filter(one => matches(one.labels, labels))
      .map(({ id, ref, createdAtMs }) => ({ id, tags: [ref], createdAtMs }));
  }

  async removeImage(ref: string) {
    const id = this.images.get(ref)?.id;
    if ([...this.#containers.values()].some(one => one.facts.imageId === id)) return;
    this.images.delete(ref);
  }

  async listNetworks(labels: LabelFilter) {
    return [...this.#networks.values()].filter(one => matches(one.labels, labels));
  }

  async createNetwork(name: string, labels: Readonly<Record<string, string>>) {
    const id = this.#id('n');
    this.#networks.set(id, { id, name, labels });
    return id;
  }

  async removeNetwork(id: string) {
    this.#networks.delete(id);
  }

  async inspectVolume(name: string) {
    return this.#volumes.get(name) ?? null;
  }

  async listVolumes(labels: LabelFilter) {
    return [...this.#volumes.values()].filter(one => matches(one.labels, labels));
  }

  async createVolume(name: string, { labels }: { readonly labels: Readonly<Record<string, string>> }) {
    this.#volumes.set(name, { name, labels });
  }

  async removeVolume(name: string) {
    this.#volumes.delete(name);
  }

  async *events(labels: LabelFilter, signal: AbortSignal, onOpen: () => void): AsyncGenerator<EngineEvent> {
    this.#reach();
    const queue: (EngineEvent | null)[] = [];
    let wake = () => {};
    const listener = (event: EngineEvent | null) => {
      queue.push(event);
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => listener(null), { once: true });
    onOpen();
    try {
      for (;;) {
        const event = queue.shift();
        if (event === null || signal.aborted) return;
        if (event === undefined) await new Promise<void>(resolve => (wake = resolve));
        else if (matches(event.labels, labels)) yield event;
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** Puts an image there. */
  addImage(ref: string, more: Partial<FakeImage> = {}): string {
    const id = this.#id('sha256:i');
    const createdAtMs = systemClock.now();
    this.images.set(ref, { id, ref, arch: 'amd64', os: 'linux', exposedPorts: [], user: '', labels: {}, createdAtMs, ...more });
    return id;
  }

  /** The container's process ends by itself. */
  endContainer(name: string, exitCode: number): void {
    this.#end(this.#need(name), exitCode);
  }

  /** As the engine's own health check would say. */
  setHealth(name: string, health: ContainerFacts['health']): void {
    this.#set(this.#need(name), { health });
  }

  /** Ends all event streams, as a restart of the engine does. */
  cutEvents(): void {
    for (const listener of this.#listeners) listener(null);
  }

  #runProgram(container: FakeContainer): void {
    if (container.facts.state !== 'running') return;
    const { output, exitCode } = run([...(container.body.Entrypoint ?? []), ...(container.body.Cmd ?? [])], container.files);
    container.output.push(...output);
    for (const changed of this.#changed) changed();
    if (exitCode !== null) this.#end(container, exitCode);
  }

  #end(container: FakeContainer, exitCode: number): void {
    container.ends += 1;
    this.#set(container, { state: 'exited', exitCode, addresses: {}, published: [] });
    this.#emit('die', container.facts);
  }

  #bind(port: string, binding: { readonly HostIp: string; readonly HostPort: string }): PublishedPort {
    const hostPort = binding.HostPort === '' ? 40_000 + ++this.#ids : Number(binding.HostPort);
    for (const { facts } of this.#containers.values()) {
      if (facts.state === 'running' && facts.published.some(one => one.hostPort === hostPort))
        throw new PortTaken(binding.HostIp, hostPort, '', '');
    }
    return {
      hostAddress: binding.HostIp,
      hostPort,
      containerPort: Number.parseInt(port, 10),
      protocol: port.endsWith('/udp') ? 'udp' : 'tcp',
    };
  }

  #set(container: FakeContainer, change: Partial<ContainerFacts>): void {
    container.facts = { ...container.facts, ...change };
    for (const changed of this.#changed) changed();
  }

  #emit(action: string, { id, labels }: ContainerFacts): void {
    for (const listener of this.#listeners) listener({ action, containerId: id, labels });
  }

  #until(test: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!signal.aborted && !test()) return;
        this.#changed.delete(check);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#changed.add(check);
      signal.addEventListener('abort', check, { once: true });
      check();
    });
  }

  #find(ref: string): FakeContainer | undefined {
    return this.#containers.get(ref) ?? [...this.#containers.values()].find(one => one.facts.name === ref);
  }

  #need(ref: string): FakeContainer {
    this.#reach();
    const found = this.#find(ref);
    if (found === undefined) throw new RuntimeError('engine-error', `Docker refused: No such container: ${ref}`);
    return found;
  }

  #id(prefix: string): string {
    return `${prefix}${++this.#ids}`;
  }

  #reach(): void {
    if (this.unreachable) throw new EngineUnreachable(['fake://engine: switched off']);
  }
}

/** Of Dockerfile lines such as `LABEL a=b`. */
function labelsOf(changes: readonly string[]): Readonly<Record<string, string>> {
  const found = changes.map(line => /^LABEL ([^=]+)=(.*)$/.exec(line));
  return Object.fromEntries(found.flatMap(match => (match === null ? [] : [[match[1] ?? '', match[2] ?? '']])));
}

/** TCP ports of Dockerfile lines such as `EXPOSE 80`. */
function portsOf(changes: readonly string[]): readonly number[] {
  return changes.flatMap(line => {
    const match = /^EXPOSE (\d+)(?:\/tcp)?$/.exec(line);
    return match === null ? [] : [Number(match[1])];
  });
}

function matches(labels: Readonly<Record<string, string>>, filter: LabelFilter): boolean {
  return Object.entries(filter).every(([key, value]) => (value === '' ? key in labels : labels[key] === value));
}

/** `exitCode` null: it runs on. */
function run(command: readonly string[], files: ReadonlyMap<string, string>): { output: LogChunk[]; exitCode: number | null } {
  const output: LogChunk[] = [];
  const script = command.includes('-c') ? (command.at(-1) ?? '') : command.slice(1).join(' ');
  for (const step of script.split(';').map(one => one.trim())) {
    const [verb, ...words] = step.split(' ');
    if (verb === 'exit') return { output, exitCode: Number(words[0]) };
    if (verb === 'sleep' || verb === '') return { output, exitCode: null };
    const toStderr = words.at(-1) === '>&2';
    const text = verb === 'cat' ? (files.get(words[0] ?? '') ?? '') : `${words.slice(0, toStderr ? -1 : undefined).join(' ')}\n`;
    output.push({ stream: toStderr ? 'stderr' : 'stdout', data: Buffer.from(text) });
  }
  return { output, exitCode: 0 };
}
