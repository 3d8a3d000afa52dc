import type { GraphDocument, RoutesDocument, StatsDocument, StatsRequest } from './stats.ts';
import type { BrokenPropagationDocument, TraceDocument, TraceFilter, TraceSummary, TracesDocument } from './trace.ts';

/** What can be asked of the traffic that passed the mesh. */
export interface TrafficApi {
  /** Golden signals of services and edges. @throws MeshError `bad-stats-query` */
  stats(request: StatsRequest): Promise<StatsDocument>;
  /** The same every second, until `signal` or the end of the daemon; the next one is made when this one was taken. @throws MeshError `bad-stats-query` */
  watchStats(request: StatsRequest, signal: AbortSignal): AsyncIterable<StatsDocument>;
  /** Who calls whom. @throws MeshError `bad-stats-query` */
  graph(request: StatsRequest): Promise<GraphDocument>;
  /** What each rule took. @throws MeshError `bad-stats-query` */
  routes(request: StatsRequest): Promise<RoutesDocument>;
  /** The last traces, the newest first. */
  traces(filter: TraceFilter): Promise<TracesDocument>;
  /** Traces from now on, each when nothing was heard of it for a second; ends with `signal` or with the daemon. The filter's limit does not count. */
  watchTraces(filter: TraceFilter, signal: AbortSignal): AsyncIterable<TraceSummary>;
  /** One trace, by its id, the beginning of that, or a request id. @throws MeshError `unknown-trace`, `ambiguous-trace` */
  trace(id: string): Promise<TraceDocument>;
  /** Services that call on without the trace context that they were given. */
  brokenPropagation(): Promise<BrokenPropagationDocument>;
}
