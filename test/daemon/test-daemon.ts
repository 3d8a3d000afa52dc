import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Project } from '../../src/api/backend.ts';
import type { MeshEvent, PrintedDiagnostic, ProxyStatus } from '../../src/api/types.ts';
import { systemClock } from '../../src/async/clock.ts';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import type { IssuerKeys } from '../../src/control/compile/token.ts';
import type { ObservedWorkload } from '../../src/control/control-plane.ts';
import type { LiveFault } from '../../src/control/live-fault.ts';
import type { CaPort } from '../../src/daemon/ca-link.ts';
import type { ReadConfig } from '../../src/daemon/config-source.ts';
import type { ControlPort } from '../../src/daemon/control-port.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import { EventLog } from '../../src/daemon/event-log.ts';
import type { ObservedPod, Runtime } from '../../src/runtime/runtime.ts';
import type { ExplainRequest, Explanation } from '../../src/snapshot/explanation.ts';
import type { Judgement } from '../../src/snapshot/judgement.ts';
import type { Observation, Observed } from '../../src/snapshot/observation.ts';
import type { ObservedCalls } from '../../src/snapshot/observed-call.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import type { TapOrder, Tapped } from '../../src/snapshot/tap.ts';

/** A control plane without sidecars: everything is acked at once. `configs` and `pods` are what it was told. */
export class FakeControl implements ControlPort {
  readonly configs: MeshConfig[] = [];
  pods: readonly ObservedPod[] = [];
  faults: readonly LiveFault[] = [];
  keys: IssuerKeys = new Map();
  closed = false;
  /** What `whenAppListening` waits for. */
  listening: Promise<void> = Promise.resolve();

  readonly ca: CaPort = {
    document: () => {
      throw new Error('there is no CA');
    },
    async *rotate() {},
    issuePerson: () => Promise.reject(new Error('there is no CA')),
  };
  /** Says what a sidecar tells of its traffic. */
  tell: (from: ObservedWorkload, message: Observed) => void = () => undefined;
  /** The same of live requests. */
  tellTapped: (from: ObservedWorkload, message: Tapped) => void = () => undefined;
  /** Who watches them. */
  taps: readonly TapOrder[] = [];

  onNotice(): void {}
  offerMetrics(): void {}
  pushes(): ReturnType<ControlPort['pushes']> {
    return { acked: 3, nacked: 1 };
  }
  observe(_: Observation, listener: FakeControl['tell']): void {
    this.tell = listener;
  }
  tap(orders: readonly TapOrder[]): void {
    this.taps = orders;
  }
  onTapped(listener: FakeControl['tellTapped']): void {
    this.tellTapped = listener;
  }
  setConfig(config: MeshConfig): void {
    this.configs.push(config);
  }
  setLiveFaults(faults: readonly LiveFault[]): void {
    this.faults = faults;
  }
  setIssuerKeys(keys: IssuerKeys): void {
    this.keys = keys;
  }
  setPods(pods: readonly ObservedPod[]): void {
    this.pods = pods;
  }
  async whenReady(): Promise<void> {}
  async whenAppListening(_workload: string, signal: AbortSignal): Promise<void> {
    await Promise.race([
      this.listening,
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
  }
  async settled(): Promise<number> {
    return this.pods.length;
  }
  status(): ReadonlyMap<string, ProxyStatus> {
    return new Map();
  }
  async query(workload: string): Promise<unknown> {
    return { workload };
  }
  snapshots(): readonly Snapshot[] {
    return [];
  }
  async calls(): Promise<ObservedCalls> {
    return { more: false, calls: [] };
  }
  async judge(): Promise<Judgement | null> {
    return null;
  }
  async explain(workload: string, request: ExplainRequest): Promise<Explanation> {
    return { listener: workload, lines: [request.url], route: null };
  }
  sidecarEnvironment(): Readonly<Record<string, string>> {
    return { MESH_KIND: 'sidecar' };
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }
}

const project: Omit<Project, 'stateDir'> = {
  dir: '/shop',
  file: '/shop/mesh.yaml',
  name: null,
  profiles: [],
  allowPrivileged: false,
  granted: new Set(),
  env: {},
  socket: '/shop/.mesh/run/daemon.sock',
};

/** A daemon on the given runtime, with files that the test writes by `save`. */
export class TestDaemon implements AsyncDisposable {
  readonly daemon: Daemon;
  readonly control = new FakeControl();
  readonly events: MeshEvent[] = [];
  released: boolean | null = null;
  #read: ReadConfig;
  readonly #stateDir: string;
  #onChange: () => void = () => undefined;

  constructor(runtime: Runtime, config: MeshConfig) {
    const stateDir = mkdtempSync(join(tmpdir(), 'mesh-test-daemon-'));
    this.#stateDir = stateDir;
    this.#read = { config, diagnostics: [], files: [project.file], savedAtMs: null };
    this.daemon = new Daemon(
      {
        project: { ...project, stateDir },
        version: '0.0.0',
        pid: 1,
        clock: systemClock,
        events: new EventLog(() => systemClock.now()),
        runtime,
        control: this.control,
        config,
        diagnostics: [],
        readConfig: async () => this.#read,
        watchFiles: (_files, onChange) => {
          this.#onChange = onChange;
          return { ready: Promise.resolve(), update() {}, async close() {}, async [Symbol.asyncDispose]() {} };
        },
        web: { url: null, dashboard: () => Promise.reject(new Error('no dashboard here')) },
        release: async removed => {
          this.released = removed;
        },
      },
      { build: false, adminPort: null },
    );
    void this.#collect();
    this.daemon.begin();
    this.daemon.watch([project.file]);
  }

  async #collect(): Promise<void> {
    for await (const event of this.daemon.events(0, new AbortController().signal)) this.events.push(event);
  }

  /** The files now say this; the watch tells. */
  save(config: MeshConfig | PrintedDiagnostic): void {
    this.#read =
      'code' in config
        ? { config: null, diagnostics: [config], files: [project.file], savedAtMs: null }
        : { config, diagnostics: [], files: [project.file], savedAtMs: null };
    this.#onChange();
  }

  /** Events of one kind. */
  of<Kind extends MeshEvent['kind']>(kind: Kind): readonly Extract<MeshEvent, { kind: Kind }>[] {
    return this.events.filter((event): event is Extract<MeshEvent, { kind: Kind }> => event.kind === kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon.stop({ containers: false });
    rmSync(this.#stateDir, { recursive: true, force: true });
  }
}

/** One mistake in a file. */
export const mistake: PrintedDiagnostic = {
  code: 'unknown-field',
  severity: 'error',
  file: 'mesh.yaml',
  line: 3,
  column: 5,
  path: 'routes',
  message: 'wrong',
  hint: '',
  text: 'mesh.yaml:3:5: error',
};
