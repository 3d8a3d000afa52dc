/**
 * What the CLI asks of the parts that it may not import: the daemon and the engine. `cli/main.ts` is handed an implementation
 * through its one lazy import, so that `mesh version` loads neither.
 */
import type { MeshConfig } from '../config/mesh-config.ts';
import type { MeshApi, PlanDocument, WorkloadStatus } from './types.ts';

/** Which mesh is meant: found from the working directory, `-f` and `-p` before anything is read. */
export interface Project {
  /** Folder of mesh.yaml, absolute. */
  readonly dir: string;
  /** Absolute; need not exist. */
  readonly file: string;
  /** `-p`; `null` where the name comes from the file. */
  readonly name: string | null;
  readonly profiles: readonly string[];
  /** `--allow-privileged`: docker.sock, mounts of the host and the like are warnings, also at every reload. */
  readonly allowPrivileged: boolean;
  /** What the user said yes to before: `grant` of diagnostics. */
  readonly granted: ReadonlySet<string>;
  /** Variables for `${VAR}`: the process's, and those of `--env-file`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where keys, socket and records lie. */
  readonly stateDir: string;
  /** The daemon's socket. */
  readonly socket: string;
}

/** How a daemon starts. */
export interface StartOptions {
  /** Build images even when the tag exists. */
  readonly build: boolean;
  /** Port of the admin API on loopback, 0: any free one; `null`: on its unix socket only. */
  readonly adminPort: number | null;
}

/** A daemon in this process. */
export interface RunningDaemon extends MeshApi {
  /** Resolves when it has ended by `stop` or `down`; rejects when it could not go on. */
  readonly ended: Promise<void>;
}

/** One line an app or sidecar wrote. */
export interface LogLine {
  readonly workload: string;
  readonly container: 'app' | 'sidecar';
  readonly stream: 'stdout' | 'stderr';
  /** Without the newline. */
  readonly text: string;
}

/** Which logs are wanted, and who gets the lines. */
export interface LogRequest {
  /** Services or workloads; empty = all. */
  readonly names: readonly string[];
  readonly container: 'app' | 'sidecar';
  readonly follow: boolean;
  /** Lines from the end; `null` = all. */
  readonly tail: number | null;
  /** Docker's form (`10m`, RFC 3339); `null` = from the beginning. */
  readonly since: string | null;
  readonly timestamps: boolean;
  readonly signal: AbortSignal;
  readonly onLine: (line: LogLine) => void;
}

/** A command to run in an app container. */
export interface ExecRequest {
  /** Workload, or a service: then its first workload. */
  readonly name: string;
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly interactive: boolean;
  readonly environment: readonly string[];
  readonly user: string | null;
  readonly workingDir: string | null;
}

/** What can be done to a project's containers without a daemon. */
export interface Engine {
  workloads(): Promise<readonly WorkloadStatus[]>;
  plan(config: MeshConfig, options: { readonly build: boolean }): Promise<PlanDocument>;
  logs(request: LogRequest): Promise<void>;
  /** Resolves to the exit code of the command. */
  exec(request: ExecRequest): Promise<number>;
  restart(names: readonly string[], onLine: (line: string) => void): Promise<void>;
  down(options: { readonly volumes: boolean }, onLine: (line: string) => void): Promise<void>;
}

/** One line of `mesh doctor`. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do; empty when all is well. */
  readonly hint: string;
}

/** The daemon's side of the program, as the command line sees it. */
export interface Backend {
  /** Claims the folder and starts; what happens then is in the events. @throws MeshError `already-running` */
  startDaemon(project: Project, options: StartOptions): Promise<RunningDaemon>;
  /** @throws MeshError `engine-unreachable` */
  openEngine(project: Project, projectName: string): Promise<Engine>;
  /** Name that the last `up` in this folder ran under, `null` if none is known. */
  recordedName(project: Project): Promise<string | null>;
  /** Pid of the daemon that wrote the record last. */
  recordedPid(project: Project): Promise<number | null>;
  /** Runs `fn` while no daemon can start in the folder. @throws MeshError `already-running` */
  whileClaimed<T>(project: Project, fn: () => Promise<T>): Promise<T>;
  /** Forgets the run after a `down`; keys stay. */
  forget(project: Project): Promise<void>;
  doctor(project: Project): Promise<readonly Check[]>;
}
