import type { GraphDocument, RoutesDocument, StatsDocument } from './stats.ts';
import { statsQuery } from './stats-query.ts';
import type { BrokenPropagationDocument, TraceDocument, TraceSummary, TracesDocument } from './trace.ts';
import { traceQuery } from './trace-filter.ts';
import type { TrafficApi } from './traffic.ts';

/** The daemon's answers about traffic. `get`: one JSON document of a path; `follow`: one a line. */
export function trafficClient(
  get: <T>(path: string) => Promise<T>,
  follow: <T>(path: string, signal: AbortSignal) => AsyncIterable<T>,
): TrafficApi {
  return {
    stats: request => get<StatsDocument>(`/v1/stats?${statsQuery(request)}`),
    watchStats: (request, signal) => follow<StatsDocument>(`/v1/stats/live?${statsQuery(request)}`, signal),
    graph: request => get<GraphDocument>(`/v1/graph?${statsQuery(request)}`),
    routes: request => get<RoutesDocument>(`/v1/routes?${statsQuery(request)}`),
    traces: filter => get<TracesDocument>(`/v1/traces?${traceQuery(filter)}`),
    watchTraces: (filter, signal) => follow<TraceSummary>(`/v1/traces/live?${traceQuery(filter)}`, signal),
    trace: id => get<TraceDocument>(`/v1/traces/${encodeURIComponent(id)}`),
    brokenPropagation: () => get<BrokenPropagationDocument>('/v1/traces/broken'),
  };
}
