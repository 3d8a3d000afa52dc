import type { GraphDocument, RoutesDocument, StatsDocument, StatsQuery, StatsRequest } from '../../api/stats.ts';
import { resolveStatsRequest } from '../../api/stats-query.ts';
import type { MeshEventBody } from '../../api/types.ts';
import { Bell } from '../../async/bell.ts';
import type { ObservedWorkload } from '../../control/control-plane.ts';
import type { EdgeSignal } from '../../snapshot/edge-signal.ts';
import type { ControlPort } from '../control-port.ts';
import { Denials } from './denials.ts';
import { History, type HistoryOptions } from './history.ts';
import { routesDocument } from './route-shares.ts';
import { SignalRecorder } from './signal-recorder.ts';
import { type EdgeSum, graphDocument, type Names, statsDocument, sumEdges } from './stats.ts';

const secondMs = 1_000;
/** Clocks are set by less than that all the time. */
const jumpMs = 5_000;

/** What the statistics need. */
export interface StatisticsOptions extends Omit<HistoryOptions, 'warn'> {
  /** Tells the user. */
  readonly emit: (event: MeshEventBody) => void;
  readonly control: Pick<ControlPort, 'status' | 'snapshots'>;
  /** The configuration in force. */
  readonly names: () => Names;
}

/** Golden signals of the mesh: takes them from the sidecars, keeps them, and answers what was when. */
export class Statistics {
  readonly #options: StatisticsOptions;
  readonly #history: History;
  readonly #denials: Denials;
  readonly #recorder = new SignalRecorder();
  readonly #loaded: Promise<void>;
  #cancel = (): void => {};
  #closed = false;
  /** What the two clocks said when they were looked at last. */
  #looked: { readonly nowMs: number; readonly monotonicMs: number } | null = null;
  /** Rings at each of them. */
  readonly #seconds = new Bell();

  /** Reads what is on disk and begins to count. */
  constructor(options: StatisticsOptions) {
    this.#options = options;
    this.#denials = new Denials(options.emit);
    const warn = (message: string, hint: string): void => options.emit({ kind: 'warning', message, hint });
    this.#history = new History({ ...options, warn });
    this.#loaded = this.#history.load();
    void this.#loaded.then(() => this.#wait());
  }

  get history(): Pick<History, 'bytes' | 'writeFailures'> {
    return this.#history;
  }

  /** Takes what a sidecar tells. */
  take(from: ObservedWorkload, signals: readonly EdgeSignal[]): void {
    this.#recorder.take(from, signals);
  }

  async stats(request: StatsRequest): Promise<StatsDocument> {
    const { query, sums } = await this.#ask(request);
    return statsDocument(sums, query, this.#options.names());
  }

  /** The same again at every second, for as long as somebody listens: who is slow misses some. */
  async *watch(request: StatsRequest, signal: AbortSignal): AsyncGenerator<StatsDocument, void, void> {
    while (!signal.aborted && !this.#closed) {
      yield await this.stats(request);
      // It may have ended while the reader was busy.
      if (!this.#closed) await this.#seconds.next(signal);
    }
  }

  async graph(request: StatsRequest): Promise<GraphDocument> {
    const { query, sums } = await this.#ask(request);
    return graphDocument(sums, query, this.#options.names());
  }

  async routes(request: StatsRequest): Promise<RoutesDocument> {
    const { query, sums } = await this.#ask(request);
    return routesDocument(sums, query, this.#options.control.snapshots());
  }

  /** Writes what is there. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    this.#seconds.ring();
    await this.#loaded;
    await this.#history.close();
  }

  async #ask(request: StatsRequest): Promise<{ readonly query: StatsQuery; readonly sums: readonly EdgeSum[] }> {
    const query = resolveStatsRequest(request, this.#options.clock.now());
    await this.#loaded;
    const pause = (): Promise<void> => new Promise(resolve => this.#options.clock.after(0, resolve));
    return { query, sums: await sumEdges(this.#history.moments(query.fromMs, query.toMs), query, pause) };
  }

  /** Times of before are not those of now any more: who wonders at a gap, or at two truths of one minute, finds why. */
  #lookAtClock(): void {
    const { clock, emit } = this.#options;
    const before = this.#looked;
    const looked = { nowMs: clock.now(), monotonicMs: clock.monotonic() };
    this.#looked = looked;
    if (before === null) return;
    const ahead = looked.nowMs - before.nowMs - (looked.monotonicMs - before.monotonicMs);
    if (Math.abs(ahead) < jumpMs) return;
    const seconds = Math.round(Math.abs(ahead) / secondMs);
    const message =
      ahead < 0 ? `the clock went back by ${seconds} s` : `the clock went ahead by ${seconds} s, or the machine slept`;
    emit({ kind: 'warning', message, hint: 'what was counted before is shown at the time that the clock said then' });
  }

  /** On the second, so that the moments of one daemon and the next lie side by side. */
  #wait(): void {
    if (this.#closed) return;
    const { clock, control } = this.#options;
    this.#cancel = clock.after(secondMs - (clock.now() % secondMs), () => {
      this.#lookAtClock();
      const atMs = Math.round(clock.now() / secondMs) * secondMs;
      const status = control.status();
      const moment = this.#recorder.end(atMs, secondMs, workload => status.get(workload)?.connected === true);
      this.#history.add(moment);
      this.#denials.look(moment);
      this.#seconds.ring();
      this.#wait();
    });
  }
}
