import { Counter, type CounterConfiguration, Gauge, Histogram, Registry } from 'prom-client';
import type { ControlPort } from './control-port.ts';
import type { EventLog } from './event-log.ts';
import type { ObservatoryFigures } from './observe/observatory.ts';
import { Scrapes } from './scrapes.ts';

/** What others keep and scrapes show, as it is now. */
export interface DaemonFigures extends ObservatoryFigures {
  /** Names of all that exist. */
  readonly workloads: readonly string[];
  readonly engine: 'connected' | 'lost';
}

/** Whom the metrics ask besides. */
export interface DaemonMetricsParts {
  readonly control: Pick<ControlPort, 'query' | 'offerMetrics' | 'pushes'>;
  readonly events: EventLog;
}

/** What the daemon measures of itself; sidecars measure traffic. */
export class DaemonMetrics {
  readonly #registry = new Registry();
  readonly #parts: DaemonMetricsParts;
  readonly #figures: () => DaemonFigures;
  readonly #lastReloadOk: Gauge;
  readonly #reloads: Counter<'result'>;
  readonly #durations: Histogram;
  readonly #convergence: Histogram;
  readonly #scrapes = new Scrapes();

  /** `figures`: asked at each scrape. */
  constructor(parts: DaemonMetricsParts, figures: () => DaemonFigures) {
    this.#parts = parts;
    this.#figures = figures;
    const registers = [this.#registry];
    this.#lastReloadOk = new Gauge({
      name: 'config_last_reload_ok',
      help: '1 when the files are in force as they are, 0 when they have errors',
      registers,
    });
    this.#lastReloadOk.set(1);
    this.#reloads = new Counter({
      name: 'config_reloads_total',
      help: 'Reloads of the configuration by result',
      labelNames: ['result'],
      registers,
    });
    const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5, 30];
    this.#durations = new Histogram({
      name: 'config_reload_duration_seconds',
      help: 'From the reading of the files to the last ack',
      buckets,
      registers,
    });
    this.#convergence = new Histogram({
      name: 'config_convergence_duration_seconds',
      help: 'From the save of a file to the last ack, by the wall clock',
      buckets,
      registers,
    });
    this.#showPushes();
    this.#gauge('mesh_workloads', 'Pods that exist', ({ workloads }) => workloads.length);
    this.#gauge('mesh_engine_connected', '1 while the Docker engine answers', ({ engine }) => (engine === 'connected' ? 1 : 0));
    this.#gauge('mesh_event_watchers', 'Readers of events', () => parts.events.readers);
    this.#gauge('mesh_tap_watchers', 'Readers of live requests', ({ tapWatchers }) => tapWatchers);
    this.#counter('mesh_spans_received_total', 'Spans that sidecars told', ({ spans }) => spans.received);
    this.#counter('mesh_spans_dropped_total', 'Spans that were lost on their way, or not kept', ({ spans }) => spans.dropped);
    this.#gauge('mesh_history_bytes', 'What the files of the history take', ({ history }) => history.bytes);
    this.#counter(
      'mesh_history_write_failures_total',
      'How often a file of the history failed',
      ({ history }) => history.writeFailures,
    );
    parts.control.offerMetrics(() => this.#registry.metrics());
  }

  /** Counts one reload. `sinceSavedMs`: from the save of the newest file to the last ack; `null`: it changed nothing, or no file tells. */
  reloaded(ok: boolean, durationMs: number, sinceSavedMs: number | null): void {
    this.#lastReloadOk.set(ok ? 1 : 0);
    this.#reloads.inc({ result: ok ? 'ok' : 'rejected' });
    this.#durations.observe(durationMs / 1000);
    if (ok && sinceSavedMs !== null) this.#convergence.observe(Math.max(0, sinceSavedMs) / 1000);
  }

  /** Text exposition of the daemon, then of all sidecars, in pieces. @throws MeshError `too-many-scrapes` */
  read(): AsyncIterable<string> {
    const expositionOf = (workload: string): Promise<unknown> => this.#parts.control.query(workload, 'exposition');
    return this.#scrapes.read(() => this.#registry.metrics(), this.#figures().workloads, expositionOf);
  }

  #gauge(name: string, help: string, value: (figures: DaemonFigures) => number): void {
    const figures = this.#figures;
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value(figures()));
      },
    });
  }

  /** Counted elsewhere, shown here. */
  #counter(name: string, help: string, value: (figures: DaemonFigures) => number): void {
    const figures = this.#figures;
    new Counter({ name, help, registers: [this.#registry], collect: shown(() => [[{}, value(figures())]]) });
  }

  #showPushes(): void {
    const { control } = this.#parts;
    new Counter({
      name: 'config_pushes_total',
      help: 'Configurations that sidecars took (acked) or refused (nacked)',
      labelNames: ['result'],
      registers: [this.#registry],
      collect: shown(() => Object.entries(control.pushes()).map(([result, count]) => [{ result }, count])),
    });
  }
}

/** A counter's `collect` for numbers that somebody else adds up. */
function shown(
  values: () => readonly (readonly [Record<string, string>, number])[],
): NonNullable<CounterConfiguration<string>['collect']> {
  return function collect(this: Counter) {
    this.reset();
    for (const [labels, value] of values()) this.inc(labels, value);
  };
}
