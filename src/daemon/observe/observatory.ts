import type { GraphDocument, RoutesDocument, StatsDocument, StatsRequest } from '../../api/stats.ts';
import type { TapLine, TapRequest } from '../../api/tap.ts';
import type { BrokenPropagationDocument, TraceDocument, TraceFilter, TraceSummary, TracesDocument } from '../../api/trace.ts';
import type { TrafficApi } from '../../api/traffic.ts';
import { nothingObserved } from '../../snapshot/observation.ts';
import type { ControlPort } from '../control-port.ts';
import { Notices } from '../notices.ts';
import { openExport } from './open-export.ts';
import { policyEvents } from './policy-events.ts';
import { Statistics, type StatisticsOptions } from './statistics.ts';
import { TapHub } from './tap-hub.ts';
import type { TraceExport } from './trace-export.ts';
import { Traces } from './traces.ts';

/** What the observatory is made with. */
export interface ObservatoryOptions extends StatisticsOptions {
  readonly control: StatisticsOptions['control'] & Pick<ControlPort, 'observe' | 'tap' | 'onTapped'>;
  /** For its OTEL_* variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What scrapes show of it. */
export interface ObservatoryFigures {
  readonly tapWatchers: number;
  /** Since the daemon began. */
  readonly spans: { readonly received: number; readonly dropped: number };
  readonly history: { readonly bytes: number; readonly writeFailures: number };
}

/** What the daemon sees of the traffic: asks the sidecars to tell, hands what they say to who keeps it, and answers what people ask. */
export class Observatory implements TrafficApi {
  readonly #traces: Traces;
  readonly #export: TraceExport | null;
  readonly #statistics: Statistics;
  readonly #taps: TapHub;
  readonly #ending = new AbortController();

  constructor({ clock, control, env, ...rest }: ObservatoryOptions) {
    const warn = (message: string, hint: string): void => rest.emit({ kind: 'warning', message, hint });
    this.#export = openExport({ env, clock, warn });
    this.#traces = new Traces(clock, span => this.#export?.add(span));
    this.#statistics = new Statistics({ clock, control, ...rest });
    this.#taps = new TapHub({ clock, control, config: rest.names });
    const notices = new Notices(clock, rest.emit);
    control.observe({ ...nothingObserved, signals: true, spans: true }, (from, message) => {
      switch (message.kind) {
        case 'signals':
          this.#statistics.take(from, message.edges);
          return;
        case 'spans':
          this.#traces.take(from, message);
          return;
        case 'policies':
          for (const event of policyEvents(from.name, message)) notices.take(event);
      }
    });
  }

  stats(request: StatsRequest): Promise<StatsDocument> {
    return this.#statistics.stats(request);
  }

  watchStats(request: StatsRequest, signal: AbortSignal): AsyncIterable<StatsDocument> {
    return this.#statistics.watch(request, signal);
  }

  graph(request: StatsRequest): Promise<GraphDocument> {
    return this.#statistics.graph(request);
  }

  routes(request: StatsRequest): Promise<RoutesDocument> {
    return this.#statistics.routes(request);
  }

  /** Live requests. @throws MeshError `unknown-service`, `too-many-taps`, `bad-tap` */
  tap(request: TapRequest, signal: AbortSignal): AsyncIterable<TapLine> {
    return this.#taps.watch(request, signal);
  }

  get figures(): ObservatoryFigures {
    return { tapWatchers: this.#taps.watchers, spans: this.#traces.spans, history: this.#statistics.history };
  }

  /** Writes what is to outlive the daemon, and sends what others keep. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all([this.#statistics.close(), this.#export?.close()]);
  }

  async traces(filter: TraceFilter): Promise<TracesDocument> {
    return this.#traces.list(filter);
  }

  watchTraces(filter: TraceFilter, signal: AbortSignal): AsyncIterable<TraceSummary> {
    return this.#traces.watch(filter, AbortSignal.any([signal, this.#ending.signal]));
  }

  async trace(id: string): Promise<TraceDocument> {
    return this.#traces.find(id);
  }

  async brokenPropagation(): Promise<BrokenPropagationDocument> {
    return this.#traces.broken();
  }
}
