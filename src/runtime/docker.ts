/**
 * The engine as the runtime needs it: a narrow port. `dockerode-adapter.ts` speaks to a real engine, `test/support/fake-docker.ts`
 * keeps everything in memory; `test/contract/docker` holds both to one meaning. Methods reject with a `RuntimeError`.
 */
import type { Readable } from 'node:stream';

/** Oldest engine API that the pods were built against (Docker 20.10). */
export const oldestApi = '1.41';

/** What the engine says of itself. */
export interface EngineInfo {
  readonly version: string;
  readonly apiVersion: string;
  /** `amd64`, `arm64` … of the engine, which may be a VM. */
  readonly arch: string;
  readonly os: string;
}

/** Keys and values that must all be present; value `''` = any. */
export type LabelFilter = Readonly<Record<string, string>>;

/** A port of a container on the host. */
export interface PublishedPort {
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/** A container as inspected. */
export interface ContainerFacts {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'dead' | 'removing';
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  /** `null` unless it ended. */
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  /** RFC 3339 with nanoseconds; `0001-…` when it never ran. */
  readonly startedAt: string;
  readonly tty: boolean;
  /** Network name → IPv4 address; only while running. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly published: readonly PublishedPort[];
}

/** Host ports that any container of the engine, ours or not, holds. */
export interface PortHolder extends PublishedPort {
  readonly containerId: string;
  readonly containerName: string;
}

/** An image as inspected. */
export interface ImageFacts {
  readonly id: string;
  readonly arch: string;
  readonly os: string;
  readonly exposedPorts: readonly number[];
  /** Who its containers run as, as the image's maker wrote it; empty for root. */
  readonly user: string;
}

/** An image as listed. */
export interface ListedImage {
  readonly id: string;
  /** `name:tag`; none for one that lost its name. */
  readonly tags: readonly string[];
  /** Ms since epoch, by the engine's clock. */
  readonly createdAtMs: number;
}

/** `POST /containers/create`, the part that is used; names are the engine's own. */
export interface ContainerBody {
  readonly Image: string;
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly Hostname?: string;
  readonly Domainname?: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Healthcheck?: {
    readonly Test?: readonly string[];
    readonly Interval?: number;
    readonly Timeout?: number;
    readonly Retries?: number;
    readonly StartPeriod?: number;
  };
  readonly StopSignal?: string;
  /** Seconds. */
  readonly StopTimeout?: number;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly HostConfig: HostConfigBody;
}

/** `HostConfig` of a new container, the part that is used. */
export interface HostConfigBody {
  readonly NetworkMode: string;
  readonly PortBindings?: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>>;
  readonly ExtraHosts?: readonly string[];
  readonly Dns?: readonly string[];
  readonly DnsSearch?: readonly string[];
  readonly Binds?: readonly string[];
  readonly Mounts?: readonly {
    readonly Type: 'bind' | 'volume';
    readonly Source?: string;
    readonly Target: string;
    readonly ReadOnly: boolean;
  }[];
  readonly Tmpfs?: Readonly<Record<string, string>>;
  readonly RestartPolicy?: { readonly Name: string; readonly MaximumRetryCount: number };
  readonly Init?: boolean;
  readonly ReadonlyRootfs?: boolean;
  readonly Privileged?: boolean;
  readonly CapAdd?: readonly string[];
  readonly CapDrop?: readonly string[];
  readonly SecurityOpt?: readonly string[];
  readonly Sysctls?: Readonly<Record<string, string>>;
  readonly Ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly Memory?: number;
  readonly NanoCpus?: number;
  readonly PidsLimit?: number;
  readonly ShmSize?: number;
  readonly LogConfig?: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
  readonly Devices?: readonly {
    readonly PathOnHost: string;
    readonly PathInContainer: string;
    readonly CgroupPermissions: string;
  }[];
  readonly GroupAdd?: readonly string[];
}

/** A network as listed. */
export interface NetworkFacts {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A volume as listed. */
export interface VolumeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `POST /build`, the part that is used. */
export interface BuildRequest {
  /** Absolute folder; its `.dockerignore` is honoured. */
  readonly context: string;
  readonly dockerfile: string;
  readonly tag: string;
  readonly args: Readonly<Record<string, string>>;
  readonly target: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly platform: string | null;
}

/** Which part of a container's output is read. */
export interface LogOptions {
  readonly follow: boolean;
  /** Unix seconds or RFC 3339; empty: from the beginning. */
  readonly since: string;
  /** Last lines only; `null`: all. */
  readonly tail: number | null;
  readonly timestamps: boolean;
  readonly signal: AbortSignal;
}

/** A piece of output as the engine sends it, not cut at lines. */
export interface LogChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

/** A command to run in a container. */
export interface ExecRequest {
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly user: string | null;
  readonly workingDir: string | null;
  readonly environment: Readonly<Record<string, string>>;
  /** `null`: no standard input. */
  readonly stdin: Readable | null;
  readonly onOutput: (chunk: LogChunk) => void;
  readonly signal: AbortSignal;
  /** Called once with a function that tells the terminal its size. */
  readonly onResizable?: (resize: (columns: number, rows: number) => void) => void;
}

/** Something that happened to a container. */
export interface EngineEvent {
  readonly action: string;
  readonly containerId: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One engine. */
export interface Docker {
  /** Where the engine is, for messages: `unix:///var/run/docker.sock`. */
  readonly endpoint: string;
  /** Host ports of the engine are ports of this machine and /proc tells who has them. */
  readonly sharesHost: boolean;

  /** @throws EngineUnreachable, EngineTooOld */
  info(): Promise<EngineInfo>;

  /** All containers with the labels, running or not. */
  listContainers(labels: LabelFilter): Promise<readonly ContainerFacts[]>;
  /** `null` when there is none. `ref`: id or name. */
  inspectContainer(ref: string): Promise<ContainerFacts | null>;
  listPorts(): Promise<readonly PortHolder[]>;
  /** The id. Never fetches an image. @throws ImageMissing, or code `name-taken` */
  createContainer(name: string, body: ContainerBody): Promise<string>;
  /** Starting a running container is no error. @throws PortTaken */
  startContainer(id: string): Promise<void>;
  /** Stop signal, then after the grace a kill. `graceMs` null: the container's own. Absent or stopped: no error. */
  stopContainer(id: string, graceMs: number | null): Promise<void>;
  /** SIGKILL. Absent or stopped: no error. */
  killContainer(id: string): Promise<void>;
  /** Kills it if it runs; removes its anonymous volumes. Absent: no error. */
  removeContainer(id: string): Promise<void>;
  /** Unpacks a tar at a path of a container, running or not. */
  putArchive(id: string, path: string, tar: Buffer): Promise<void>;
  /** Resolves with the exit code: `not-running` at once when it does not run (between restarts it counts as running), `next-exit` at its next end. */
  waitContainer(id: string, condition: 'not-running' | 'next-exit', signal: AbortSignal): Promise<number>;
  logs(id: string, options: LogOptions): AsyncIterable<LogChunk>;
  /** Resolves with the exit code. */
  exec(id: string, request: ExecRequest): Promise<number>;

  inspectImage(ref: string): Promise<ImageFacts | null>;
  /** Makes an image of one layer from a tar stream; the id. `changes`: Dockerfile lines such as `ENTRYPOINT ["/pause"]`. */
  importImage(tar: Readable, ref: string, changes: readonly string[]): Promise<string>;
  /** Makes an image from a container; the id. */
  commitContainer(id: string, ref: string, changes: readonly string[]): Promise<string>;
  /** @throws RuntimeError `pull-failed` */
  pullImage(ref: string, platform: string | null, onProgress: (line: string) => void, signal: AbortSignal): Promise<void>;
  /** The id. @throws RuntimeError `build-failed` */
  buildImage(request: BuildRequest, onProgress: (line: string) => void, signal: AbortSignal): Promise<string>;
  /** Images with the labels. */
  listImages(labels: LabelFilter): Promise<readonly ListedImage[]>;
  /** Absent, or in use by any container: no error. */
  removeImage(ref: string): Promise<void>;

  listNetworks(labels: LabelFilter): Promise<readonly NetworkFacts[]>;
  createNetwork(name: string, labels: Readonly<Record<string, string>>): Promise<string>;
  /** Absent: no error. @throws code `engine-error` while containers are connected */
  removeNetwork(id: string): Promise<void>;

  inspectVolume(name: string): Promise<VolumeFacts | null>;
  listVolumes(labels: LabelFilter): Promise<readonly VolumeFacts[]>;
  createVolume(
    name: string,
    options: {
      readonly driver: string | null;
      readonly driverOpts: Readonly<Record<string, string>>;
      readonly labels: Readonly<Record<string, string>>;
    },
  ): Promise<void>;
  /** Absent: no error. */
  removeVolume(name: string): Promise<void>;

  /** Container events with the labels, without the flood of exec_*. `onOpen` once the engine has accepted the subscription. Ends or throws when the engine goes. */
  events(labels: LabelFilter, signal: AbortSignal, onOpen: () => void): AsyncIterable<EngineEvent>;
}
