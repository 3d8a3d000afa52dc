import type { AccessCheckDocument, AccessMatrixDocument, SeenCallsDocument } from '../api/access.ts';
import type { Project, RunningDaemon, StartOptions } from '../api/backend.ts';
import type { CaDocument, PersonCertificate, PersonRequest, RotationStep } from '../api/ca.ts';
import type { DashboardDocument } from '../api/dashboard.ts';
import type { FaultsApi } from '../api/fault.ts';
import { asMeshError } from '../api/mesh-error.ts';
import type { TapLine, TapRequest } from '../api/tap.ts';
import type { TrafficApi } from '../api/traffic.ts';
import {
  apiVersion,
  type ConfigDocument,
  type EventsFrom,
  type ExplanationDocument,
  type MeshEvent,
  type Phase,
  type PlanDocument,
  type PrintedDiagnostic,
  type ProxyQuery,
  type ReloadResult,
  type StatusDocument,
} from '../api/types.ts';
import type { Clock } from '../async/clock.ts';
import { masked } from '../config/masked.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import { renderConfig } from '../config/render.ts';
import type { FileWatch } from '../config/watch.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ExplainRequest } from '../snapshot/explanation.ts';
import { checkAccess } from './access-check.ts';
import { matrixDocument, watchCalls } from './access-view.ts';
import { waitForAcks } from './acks.ts';
import { configVersion } from './config-change.ts';
import type { ReadConfig } from './config-source.ts';
import type { ControlPort } from './control-port.ts';
import { Convergence } from './convergence.ts';
import { DaemonMetrics } from './daemon-metrics.ts';
import type { EventLog } from './event-log.ts';
import { explainFor, unknownWorkload } from './explain.ts';
import { ExposedPorts } from './exposed-ports.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { LiveFaults } from './live-faults.ts';
import { Observatory } from './observe/observatory.ts';
import { gatewayStatuses } from './pod-report.ts';
import { Reloads } from './reloads.ts';
import { RepairSchedule } from './repair-schedule.ts';
import { ServingWatch } from './serving-watch.ts';
import { statusDocument } from './status-document.ts';
import { Superseded, WorkQueue } from './work-queue.ts';

/** What the daemon is put together from. */
export interface DaemonParts {
  readonly project: Project;
  readonly version: string;
  readonly pid: number;
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly control: ControlPort;
  readonly events: EventLog;
  /** The configuration to begin with; it has no errors. */
  readonly config: MeshConfig;
  readonly diagnostics: readonly PrintedDiagnostic[];
  readConfig(): Promise<ReadConfig>;
  /** Watches the configuration's files from now on. */
  watchFiles(files: readonly string[], onChange: () => void): FileWatch;
  /** The admin API on TCP. */
  readonly web: { readonly url: string | null; dashboard(port: number | null): Promise<DashboardDocument> };
  /** Called last, once nobody is served any more; `removed`: after a `down`. */
  release(removed: boolean): Promise<void>;
}

/** The control plane's process: config in, containers and sidecars after it. Nothing that goes wrong in it stops a container. */
export class Daemon implements RunningDaemon {
  readonly ended: Promise<void>;
  readonly #parts: DaemonParts;
  readonly #options: StartOptions;
  readonly #events: EventLog;
  readonly #metrics: DaemonMetrics;
  readonly #convergence: Convergence;
  readonly #startedAtMs: number;
  readonly #end = Promise.withResolvers<void>();
  readonly #ending = new AbortController();
  readonly #watches: AsyncDisposable[] = [];
  readonly #exposed: ExposedPorts;
  #fileWatch: FileWatch | null = null;
  #config: MeshConfig;
  #phase: Phase = 'starting';
  #reason = '';
  #engine: { readonly state: 'connected' | 'lost'; readonly reason: string } = { state: 'connected', reason: '' };
  /** Whether everything that the configuration asks for was made once; until then every edit goes through a plan. */
  #converged = false;
  readonly #serving: ServingWatch;
  readonly #work = new WorkQueue(this.#ending.signal);
  readonly #reloads: Reloads;
  readonly #repairs: RepairSchedule;
  readonly #faults: LiveFaults;
  readonly #issuerKeys: IssuerKeys;
  readonly #observatory: Observatory;

  constructor(parts: DaemonParts, options: StartOptions) {
    this.#parts = parts;
    this.#options = options;
    this.ended = this.#end.promise;
    // Nobody may be waiting for the end when it comes.
    this.ended.catch(() => undefined);
    this.#startedAtMs = parts.clock.now();
    this.#events = parts.events;
    this.#exposed = new ExposedPorts(parts.runtime);
    this.#convergence = new Convergence({ ...parts, onImages: config => this.#onImages(config) });
    this.#config = parts.config;
    parts.control.onNotice(notice => this.#events.emit(notice));
    this.#metrics = new DaemonMetrics(parts, () => ({
      workloads: this.#convergence.pods.map(pod => pod.workload),
      engine: this.#engine.state,
      ...this.#observatory.figures,
    }));
    this.#serving = new ServingWatch({
      control: parts.control,
      ending: this.#ending.signal,
      onServing: () => this.#events.emit({ kind: 'healthy' }),
      onTrouble: error => this.#onTrouble(error),
    });
    this.#observatory = new Observatory({
      ...parts,
      stateDir: parts.project.stateDir,
      env: parts.project.env,
      names: () => this.#config,
      emit: event => this.#events.emit(event),
    });
    this.#faults = new LiveFaults({
      clock: parts.clock,
      config: () => this.#config,
      apply: faults => parts.control.setLiveFaults(faults),
      settled: () => waitForAcks(parts, parts.clock.monotonic(), this.#ending.signal),
      emit: event => this.#events.emit(event),
    });
    this.#issuerKeys = new IssuerKeys({
      clock: parts.clock,
      stateDir: parts.project.stateDir,
      apply: keys => parts.control.setIssuerKeys(keys),
      emit: event => this.#events.emit(event),
    });
    this.#reloads = new Reloads({
      ...parts,
      metrics: this.#metrics,
      ending: this.#ending.signal,
      config: () => this.#config,
      converged: () => this.#converged,
      use: config => this.#use(config),
      watch: files => this.watch(files),
      converge: (config, cause, startedMs) => this.#converge(config, cause, startedMs),
      onTakenBack: () => this.#repairs.request(),
    });
    this.#repairs = new RepairSchedule(parts.clock, () => this.#repairNow());
  }

  /** Starts to work; what comes of it is in the events and in `ended`. */
  begin(): void {
    const { runtime, control, clock } = this.#parts;
    const sidecarEnvironment: ControlPort['sidecarEnvironment'] = pod => control.sidecarEnvironment(pod);
    this.#reloads.tellDiagnostics();
    const startedMs = clock.monotonic();
    this.#work
      .add(async signal => {
        await this.#exposed.learn(this.#config);
        this.#use(this.#config);
        const plan = await runtime.plan(this.#config, { build: this.#options.build, initial: true, sidecarEnvironment });
        // What runs already is connected first: its sidecars need the daemon more than new pods do.
        await this.#convergence.refresh();
        await this.#convergence.execute(this.#config, plan, { build: this.#options.build, cause: 'mesh up', signal });
        this.#settle(clock.monotonic() - startedMs);
      })
      .catch(error => {
        if (!(error instanceof Superseded)) this.#fail(error);
      });
    this.#watches.push(
      runtime.watch(
        () => this.#onEngineEvent(),
        (state, reason) => this.#onEngineConnection(state, reason),
      ),
    );
  }

  /** Follows the configuration's files; which they are changes with includes. */
  watch(files: readonly string[]): void {
    if (this.#ending.signal.aborted) return;
    if (this.#fileWatch !== null) {
      this.#fileWatch.update(files);
      return;
    }
    const onChange = (): void => void this.reload().catch(error => this.#fail(error));
    this.#fileWatch = this.#parts.watchFiles(files, onChange);
    // A save between the first reading and the first look at the files would go unseen.
    void this.#fileWatch.ready.then(onChange);
  }

  async status(): Promise<StatusDocument> {
    return statusDocument({
      ...this.#parts,
      config: this.#config,
      pods: this.#convergence.pods,
      phase: this.#phase,
      reason: this.#reason,
      engine: this.#engine,
      reloads: this.#reloads.status,
      issuers: this.#issuerKeys.statuses,
      faults: this.#faults.statuses,
      startedAtMs: this.#startedAtMs,
      nowMs: this.#parts.clock.now(),
    });
  }

  async plan(): Promise<PlanDocument> {
    const { project, operations } = await this.#parts.runtime.plan(this.#config);
    return { apiVersion, kind: 'Plan', project, operations };
  }

  events(after: EventsFrom, signal: AbortSignal, follow = true): AsyncIterable<MeshEvent> {
    return this.#events.read(after, signal, follow);
  }

  async config(): Promise<ConfigDocument> {
    const config = this.#exposed.fill(this.#config);
    return { apiVersion, kind: 'Config', version: configVersion(this.#config), config, text: renderConfig(masked(config)) };
  }

  async query(workload: string, what: ProxyQuery): Promise<unknown> {
    if (!this.#convergence.pods.some(pod => pod.workload === workload)) throw unknownWorkload(workload, this.#convergence.pods);
    return this.#parts.control.query(workload, what);
  }

  reload(): Promise<ReloadResult> {
    this.#issuerKeys.refresh();
    return this.#reloads.reload();
  }

  async stop({ containers }: { readonly containers: boolean }): Promise<void> {
    if (this.#ending.signal.aborted) return this.ended;
    await this.#beginEnd();
    try {
      if (containers) await this.#parts.runtime.stop({ signal: AbortSignal.timeout(60_000) });
    } finally {
      // Also when the engine is away: a daemon that has ended its work is of no use to anybody.
      await this.#finish(false);
    }
  }

  async down({ volumes }: { readonly volumes: boolean }, onLine: (line: string) => void): Promise<void> {
    await this.#beginEnd();
    let removed = false;
    try {
      await this.#parts.runtime.down({ volumes, onProgress: onLine });
      removed = true;
    } finally {
      // The caller is told first; the socket goes after its answer. What is left, the next `down` removes by itself.
      setImmediate(() => void this.#finish(removed));
    }
  }

  metrics(): AsyncIterable<string> {
    return this.#metrics.read();
  }

  explain(from: string, request: ExplainRequest): Promise<ExplanationDocument> {
    return explainFor(from, request, this.#convergence.pods, this.#parts.control);
  }

  async accessMatrix(): Promise<AccessMatrixDocument> {
    return matrixDocument(this.#parts.control);
  }

  checkAccess(from: string, request: ExplainRequest): Promise<AccessCheckDocument> {
    return checkAccess(from, request, this.#convergence.pods, this.#parts.control);
  }

  seenCalls(forMs: number, signal: AbortSignal): AsyncIterable<SeenCallsDocument> {
    return watchCalls(this.#parts, () => this.#convergence.pods, forMs, AbortSignal.any([signal, this.#ending.signal]));
  }

  get traffic(): TrafficApi {
    return this.#observatory;
  }

  tap(request: TapRequest, signal: AbortSignal): AsyncIterable<TapLine> {
    return this.#observatory.tap(request, AbortSignal.any([signal, this.#ending.signal]));
  }

  openDashboard(port: number | null): Promise<DashboardDocument> {
    return this.#parts.web.dashboard(port);
  }

  async ca(): Promise<CaDocument> {
    return this.#parts.control.ca.document();
  }

  rotateCa(signal: AbortSignal): AsyncIterable<RotationStep> {
    return this.#parts.control.ca.rotate(AbortSignal.any([signal, this.#ending.signal]));
  }

  issuePerson(request: PersonRequest): Promise<PersonCertificate> {
    return this.#parts.control.ca.issuePerson(request);
  }

  get faults(): FaultsApi {
    return this.#faults;
  }

  /** Goes through a plan; resolves to the number of its operations. What is under way gives up. */
  #converge(config: MeshConfig, cause: string, startedMs: number): Promise<number> {
    const { runtime, control, clock } = this.#parts;
    this.#work.supersede();
    return this.#work.add(async signal => {
      const plan = await runtime.plan(config, { sidecarEnvironment: pod => control.sidecarEnvironment(pod) });
      await this.#exposed.learn(config);
      this.#use(config);
      await this.#convergence.execute(config, plan, { build: false, cause, signal });
      this.#settle(clock.monotonic() - startedMs);
      return plan.operations.length;
    });
  }

  #use(config: MeshConfig): void {
    this.#config = config;
    this.#issuerKeys.update(config);
    this.#parts.control.setConfig(this.#exposed.fill(config));
  }

  /** An image may tell a port that nothing else does: known before the first sidecar asks. */
  async #onImages(config: MeshConfig): Promise<void> {
    if (await this.#exposed.learn(config)) this.#use(config);
  }

  #onEngineEvent(): void {
    // What stops now is meant to.
    if (this.#ending.signal.aborted) return;
    this.#convergence.refresh().then(
      () => {
        this.#serving.look(this.#convergence.pods);
        if (this.#converged) this.#repairs.request();
      },
      error => this.#onTrouble(error),
    );
  }

  #onEngineConnection(state: 'connected' | 'lost', reason: string): void {
    if (state === this.#engine.state) return;
    this.#engine = { state, reason };
    this.#events.emit({ kind: 'engine', state, reason });
    if (state === 'connected') this.#onEngineEvent();
  }

  #repairNow(): void {
    if (this.#ending.signal.aborted || this.#engine.state === 'lost') return;
    this.#work.add(signal => this.#repair(signal)).catch(error => this.#onTrouble(error));
  }

  async #repair(signal: AbortSignal): Promise<void> {
    const plan = await this.#parts.runtime.plan(this.#config);
    if (plan.operations.length > 0) {
      this.#repairs.began(JSON.stringify(plan.operations));
      const cause = 'what runs is not what mesh.yaml asks for';
      await this.#convergence.execute(this.#config, plan, { build: false, cause, signal });
    } else if (this.#phase !== 'degraded') return;
    this.#settle(0);
  }

  #onTrouble(error: unknown): void {
    if (error instanceof Superseded || this.#ending.signal.aborted) return;
    const known = asMeshError(error);
    if (known === null) {
      this.#fail(error);
      return;
    }
    // A lost engine is told once, by the watch; everything else keeps being tried.
    if (known.code === 'engine-unreachable') return;
    this.#repairs.failed();
    this.#setPhase('degraded', known.message, known.hint);
    this.#repairs.request();
  }

  #settle(durationMs: number): void {
    for (const warning of this.#exposed.warnings(this.#config)) this.#events.emit(warning);
    const first = !this.#converged;
    this.#converged = true;
    if (this.#phase !== 'running') this.#setPhase('running', '', '');
    const workloads = this.#convergence.pods.length;
    if (first) this.#events.emit({ kind: 'ready', gateways: gatewayStatuses(this.#config), workloads, durationMs });
    this.#serving.again(this.#convergence.pods);
  }

  #setPhase(phase: Phase, reason: string, hint: string): void {
    if (this.#phase === phase && this.#reason === reason) return;
    this.#phase = phase;
    this.#reason = reason;
    this.#events.emit({ kind: 'phase', phase, reason, hint });
  }

  /** The first start failed, or a bug: the daemon ends, containers stay as they are. */
  #fail(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    const known = asMeshError(error);
    this.#setPhase('failed', known?.message ?? String(error), known?.hint ?? '');
    void this.#beginEnd()
      .then(() => this.#close(false))
      .finally(() => this.#end.reject(error));
  }

  async #beginEnd(): Promise<void> {
    if (this.#phase !== 'failed') this.#setPhase('stopping', '', '');
    this.#ending.abort(new Superseded('the daemon ends'));
    await this.#work.idle();
  }

  async #finish(removed: boolean): Promise<void> {
    try {
      await this.#close(removed);
      this.#end.resolve();
    } catch (error) {
      this.#end.reject(error);
    }
  }

  async #close(removed: boolean): Promise<void> {
    this.#events.close();
    this.#repairs.stop();
    this.#faults.close();
    await this.#issuerKeys.close();
    await this.#observatory.close();
    for (const watch of [...this.#watches, ...(this.#fileWatch === null ? [] : [this.#fileWatch])])
      await watch[Symbol.asyncDispose]();
    await this.#parts.control[Symbol.asyncDispose]();
    await this.#events.closeFile();
    await this.#parts.release(removed);
  }
}
