import type { Project } from '../api/backend.ts';
import { asMeshError } from '../api/mesh-error.ts';
import type { PrintedDiagnostic, ReloadResult, StatusDocument } from '../api/types.ts';
import type { Clock } from '../async/clock.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import { waitForAcks } from './acks.ts';
import { type ConfigChange, compareConfigs, renamed } from './config-change.ts';
import { type ReadConfig, shortName } from './config-source.ts';
import type { ControlPort } from './control-port.ts';
import type { DaemonMetrics } from './daemon-metrics.ts';
import type { EventLog } from './event-log.ts';
import { Superseded } from './work-queue.ts';

/** What reloads work with. */
export interface ReloadParts {
  readonly project: Project;
  readonly clock: Clock;
  readonly control: ControlPort;
  readonly events: EventLog;
  readonly metrics: DaemonMetrics;
  readonly ending: AbortSignal;
  /** Of the configuration to begin with. */
  readonly diagnostics: readonly PrintedDiagnostic[];
  /** The configuration in force. */
  config(): MeshConfig;
  /** Whether everything that the configuration asks for was made once; until then every edit goes through a plan. */
  converged(): boolean;
  readConfig(): Promise<ReadConfig>;
  /** Follows these files from now on. */
  watch(files: readonly string[]): void;
  /** Puts a configuration in force that asks for the same containers. */
  use(config: MeshConfig): void;
  /** Puts a configuration in force by way of a plan; resolves to the number of its operations. */
  converge(config: MeshConfig, cause: string, startedMs: number): Promise<number>;
  /** An edit was taken back half way. */
  onTakenBack(): void;
}

/** What becomes of edits of mesh.yaml: in force as a whole, or not at all. */
export class Reloads {
  readonly #parts: ReloadParts;
  #diagnostics: readonly PrintedDiagnostic[];
  #last: ReloadResult | null = null;
  #savedAtMs: number | null = null;
  /** Edits that are being put in force. */
  #applying = 0;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(parts: ReloadParts) {
    this.#parts = parts;
    this.#diagnostics = parts.diagnostics;
  }

  /** What the files are, and what the last reload came to that changed something. */
  get status(): Pick<StatusDocument['config'], 'lastReload' | 'reloading' | 'diagnostics'> {
    return {
      lastReload: this.#last,
      ...(this.#applying > 0 ? { reloading: true } : {}),
      diagnostics: this.#diagnostics,
    };
  }

  /** Says what is wrong with the files, where anything is. */
  tellDiagnostics(): void {
    if (this.#diagnostics.length > 0) this.#parts.events.emit({ kind: 'diagnostics', diagnostics: this.#diagnostics });
  }

  /** Reads the files and puts in force what they say. Resolves when every sidecar has it, or the last good configuration stays. */
  reload(): Promise<ReloadResult> {
    const startedMs = this.#parts.clock.monotonic();
    // Files are read one reload after the other, but a slow application of the last one does not hold up the next reading.
    const applying = this.#reading.then(async () => {
      const read = await this.#parts.readConfig();
      return { done: this.#take(read, startedMs) };
    });
    this.#reading = applying.catch(() => undefined);
    return applying.then(({ done }) => done);
  }

  /** Decides what a reading of the files means. The configuration in force changes here or not at all. */
  async #take(read: ReadConfig, startedMs: number): Promise<ReloadResult> {
    const { watch, project } = this.#parts;
    watch(read.files);
    this.#savedAtMs = read.savedAtMs;
    const before = this.#parts.config();
    const wasBad = this.#last?.ok === false || this.#diagnostics.some(each => each.severity === 'error');
    const diagnostics =
      read.config !== null && read.config.name !== before.name
        ? [...read.diagnostics, renamed(before, read.config, shortName(project))]
        : read.diagnostics;
    const errors = diagnostics.filter(each => each.severity === 'error');
    const changedDiagnostics = JSON.stringify(diagnostics) !== JSON.stringify(this.#diagnostics);
    this.#diagnostics = diagnostics;
    if (changedDiagnostics) this.tellDiagnostics();
    if (read.config === null || errors.length > 0) {
      const summary = `${errors.length} error${errors.length === 1 ? '' : 's'}, the last good configuration keeps serving`;
      return this.#reloaded({ ok: false, kind: 'rejected', summary }, startedMs, changedDiagnostics);
    }
    const change = compareConfigs(before, read.config);
    if (change.kind === 'none')
      return this.#reloaded(
        { ok: true, kind: 'none', summary: wasBad ? 'mended, the rules in force are the same' : 'nothing changed' },
        startedMs,
        wasBad,
      );
    this.#applying++;
    try {
      return await this.#apply(read.config, change, startedMs);
    } finally {
      this.#applying--;
    }
  }

  async #apply(config: MeshConfig, change: ConfigChange, startedMs: number): Promise<ReloadResult> {
    const { use, converged } = this.#parts;
    if (change.kind !== 'routing' || !converged()) return this.#applyServices(config, change, startedMs);
    use(config);
    const summary = `${change.text}, ${await this.#acks(startedMs)}`;
    return this.#reloaded({ ok: true, kind: 'routing', summary }, startedMs);
  }

  /** Goes through a plan; a failure takes the whole edit back. */
  async #applyServices(config: MeshConfig, change: ConfigChange, startedMs: number): Promise<ReloadResult> {
    const { events, ending, use, onTakenBack } = this.#parts;
    const before = this.#parts.config();
    try {
      const operations = await this.#parts.converge(config, change.text, startedMs);
      const acked = await this.#acks(startedMs);
      const summary = operations === 0 ? `${change.text}, ${acked}` : `${change.text} (${operations} operations), ${acked}`;
      return this.#reloaded({ ok: true, kind: operations === 0 ? 'routing' : 'services', summary }, startedMs);
    } catch (error) {
      if (error instanceof Superseded || ending.aborted) {
        const summary = `${change.text}; a newer change took over`;
        return this.#reloaded({ ok: true, kind: 'services', summary }, startedMs, false);
      }
      const known = asMeshError(error);
      if (known === null) throw error;
      if (this.#parts.config() === config) use(before);
      events.emit({ kind: 'warning', message: known.message, hint: known.hint });
      onTakenBack();
      const summary = `${known.message.replace(/[.:;]?(\n.*)?$/s, '')}; the last good configuration keeps serving`;
      return this.#reloaded({ ok: false, kind: 'rejected', summary }, startedMs);
    }
  }

  #acks(startedMs: number): Promise<string> {
    return waitForAcks(this.#parts, startedMs, this.#parts.ending);
  }

  #reloaded(outcome: Pick<ReloadResult, 'ok' | 'kind' | 'summary'>, startedMs: number, tell = true): ReloadResult {
    const { clock, project, metrics, events } = this.#parts;
    const durationMs = clock.monotonic() - startedMs;
    const sinceSavedMs = this.#savedAtMs === null ? null : Math.round(clock.now() - this.#savedAtMs);
    const result = {
      ...outcome,
      at: new Date(clock.now()).toISOString(),
      durationMs: Math.round(durationMs * 10) / 10,
      sinceSavedMs,
    };
    metrics.reloaded(result.ok, durationMs, result.kind === 'none' ? null : sinceSavedMs);
    // A save without a change is no reload, unless it ends a time of errors.
    if (result.kind !== 'none' || tell) this.#last = result;
    if (tell) events.emit({ kind: 'reload', file: shortName(project), result });
    return result;
  }
}
