import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Scrapes } from './scrapes.ts';

/** What the daemon measures of itself; sidecars measure traffic. */
export class DaemonMetrics {
  readonly #registry = new Registry();
  readonly #lastReloadOk: Gauge;
  readonly #reloads: Counter<'result'>;
  readonly #durations: Histogram;
  readonly #workloads: Gauge;
  readonly #engine: Gauge;
  readonly #scrapes = new Scrapes();

  constructor() {
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
    this.#durations = new Histogram({
      name: 'config_reload_duration_seconds',
      help: 'From the reading of the files to the last ack',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5, 30],
      registers,
    });
    this.#workloads = new Gauge({ name: 'mesh_workloads', help: 'Pods that exist', registers });
    this.#engine = new Gauge({ name: 'mesh_engine_connected', help: '1 while the Docker engine answers', registers });
  }

  /** Text exposition of the daemon alone. */
  own(workloads: number, engine: 'connected' | 'lost'): Promise<string> {
    this.#workloads.set(workloads);
    this.#engine.set(engine === 'connected' ? 1 : 0);
    return this.#registry.metrics();
  }

  /** Counts one reload. */
  reloaded(ok: boolean, durationMs: number): void {
    this.#lastReloadOk.set(ok ? 1 : 0);
    this.#reloads.inc({ result: ok ? 'ok' : 'rejected' });
    this.#durations.observe(durationMs / 1000);
  }

  /** Text exposition of the daemon, then of all sidecars, in pieces. @throws MeshError `too-many-scrapes` */
  read(
    workloads: readonly string[],
    engine: 'connected' | 'lost',
    expositionOf: (workload: string) => Promise<unknown>,
  ): AsyncIterable<string> {
    this.#workloads.set(workloads.length);
    this.#engine.set(engine === 'connected' ? 1 : 0);
    return this.#scrapes.read(() => this.#registry.metrics(), workloads, expositionOf);
  }
}
