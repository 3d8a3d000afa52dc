import type {
  EdgeStats,
  EndKind,
  Golden,
  GoldenPoint,
  GraphDocument,
  ServiceStats,
  StatsDocument,
  StatsQuery,
  TrafficEnd,
} from '../../api/stats.ts';
import { apiVersion } from '../../api/types.ts';
import type { MeshConfig } from '../../config/mesh-config.ts';
import { accountOf } from '../../identity/spiffe-id.ts';
import type { Party } from '../../snapshot/edge-signal.ts';
import { addRow, type EdgeName, type EdgeRow, emptyRow, maxEdges, overflowEdge, quantile } from './edge-row.ts';
import type { Moment } from './segment.ts';
import { keyOf } from './signal-recorder.ts';

/** What the configuration says of names. */
export type Names = Pick<MeshConfig, 'services' | 'gateways' | 'external'>;

/** Everything that happened on one edge. `steps`: by the number of the step. */
export interface EdgeSum {
  readonly name: EdgeName;
  readonly total: EdgeRow;
  readonly steps: Map<number, EdgeRow>;
}

/** Moments are read so many at a time: a daemon that reads a day of a big mesh answers others meanwhile. */
const momentsAtOnce = 20;

/** Adds up moments by edge. `pause`: lets others work. */
export async function sumEdges(
  moments: Iterable<Moment>,
  { fromMs, toMs, stepMs }: Pick<StatsQuery, 'fromMs' | 'toMs' | 'stepMs'>,
  pause: () => Promise<void>,
): Promise<readonly EdgeSum[]> {
  let read = 0;
  const sums = new Map<string, EdgeSum>();
  const keys = new WeakMap<EdgeName, string>();
  const last = new Map<EdgeSum, number>();
  let lastMs = 0;
  let stepped = 0;
  for (const { atMs, lengthMs, rows } of moments) {
    lastMs = atMs;
    stepped = lengthMs;
    if (++read % momentsAtOnce === 0) await pause();
    for (const [name, row] of rows) {
      let key = keys.get(name) ?? keyOf(name);
      keys.set(name, key);
      if (!sums.has(key) && sums.size >= maxEdges) key = '';
      const sum = sums.get(key) ?? { name: key === '' ? overflowEdge : name, total: emptyRow(), steps: new Map() };
      sums.set(key, sum);
      last.set(sum, atMs);
      addRow(sum.total, row);
      if (stepMs === null) continue;
      const step = Math.ceil((atMs - fromMs) / stepMs);
      const point = sum.steps.get(step) ?? emptyRow();
      sum.steps.set(step, point);
      addRow(point, row);
    }
  }
  // An edge has a row for as long as something is open on it.
  const isOver = lastMs < toMs - 3 * stepped;
  for (const [sum, atMs] of last) if (isOver || atMs < lastMs) sum.total.open = 0;
  return [...sums.values()];
}

/** The answer to a query about edges that were summed up. */
export function statsDocument(sums: readonly EdgeSum[], query: StatsQuery, names: Names): StatsDocument {
  const wanted = new Set(query.services);
  const isWanted = (party: Party): boolean => wanted.size === 0 || wanted.has(nameOf(party));
  const edges = sums.filter(({ name }) => isWanted(name.source) || isWanted(name.destination));
  const services = servicesOf(sums, names).filter(({ end }) => wanted.size === 0 || wanted.has(end.name));
  return {
    apiVersion,
    kind: 'Stats',
    ...span(query),
    stepMs: query.stepMs,
    services: services.map(({ end, sum }): ServiceStats => {
      const { name, version, kind } = end;
      return { name, version, kind, ...figures(sum, query) };
    }),
    edges: edges.map((sum): EdgeStats => edgeStats(sum, query, names)).sort(byEnds),
  };
}

/** Nodes and edges of the same. */
export function graphDocument(sums: readonly EdgeSum[], query: StatsQuery, names: Names): GraphDocument {
  const nodes = new Map<string, GraphDocument['nodes'][number]>();
  for (const { end, sum } of servicesOf(sums, names)) {
    const { name, version, kind } = end;
    nodes.set(idOf(end), { id: idOf(end), name, version, kind, total: golden(sum.total, query.toMs - query.fromMs) });
  }
  const edges = sums.map(sum => edgeStats(sum, query, names)).sort(byEnds);
  for (const { source } of edges) {
    const { name, version, kind } = source;
    if (!nodes.has(idOf(source)))
      nodes.set(idOf(source), { id: idOf(source), name, version, kind, total: golden(emptyRow(), 1) });
  }
  return {
    apiVersion,
    kind: 'Graph',
    ...span(query),
    nodes: [...nodes.values()].sort((one, other) => compare(one.id, other.id)),
    edges: edges.map(({ source, destination, protocol, secured, total }) => ({
      source: idOf(source),
      destination: idOf(destination),
      protocol,
      secured,
      total,
    })),
  };
}

/** The stretch of time as documents say it. */
export function span({ fromMs, toMs }: StatsQuery): { readonly from: string; readonly to: string } {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}

/** By who was called: the services of the mesh, and whoever else was. */
function servicesOf(sums: readonly EdgeSum[], names: Names): { readonly end: TrafficEnd; readonly sum: Omit<EdgeSum, 'name'> }[] {
  const found = new Map<string, { readonly end: TrafficEnd; readonly sum: Omit<EdgeSum, 'name'> }>();
  const of = (end: TrafficEnd): Omit<EdgeSum, 'name'> => {
    const known = found.get(idOf(end)) ?? { end, sum: { total: emptyRow(), steps: new Map<number, EdgeRow>() } };
    found.set(idOf(end), known);
    return known.sum;
  };
  for (const { name, versions } of names.services) {
    for (const version of versions) of({ name, version: version.name, kind: 'service', principal: null });
  }
  for (const { name } of names.gateways) of({ name, version: '', kind: 'gateway', principal: null });
  for (const { name, total, steps } of sums) {
    const sum = of(endOf(name.destination, names));
    const open = sum.total.open + total.open;
    addRow(sum.total, total);
    sum.total.open = open;
    for (const [step, row] of steps) {
      const point = sum.steps.get(step) ?? emptyRow();
      sum.steps.set(step, point);
      addRow(point, row);
    }
  }
  return [...found.values()].sort((one, other) => compare(idOf(one.end), idOf(other.end)));
}

function edgeStats({ name, total, steps }: EdgeSum, query: StatsQuery, names: Names): EdgeStats {
  return {
    source: endOf(name.source, names),
    destination: endOf(name.destination, names),
    protocol: name.protocol,
    secured: total.secured,
    ...figures({ total, steps }, query),
  };
}

function figures(
  { total, steps }: Omit<EdgeSum, 'name'>,
  { fromMs, toMs, stepMs }: StatsQuery,
): Pick<EdgeStats, 'total' | 'points'> {
  if (stepMs === null) return { total: golden(total, toMs - fromMs) };
  const points = [...steps].sort(([one], [other]) => one - other);
  return {
    total: golden(total, toMs - fromMs),
    points: points.map(
      ([step, row]): GoldenPoint => ({
        at: new Date(Math.min(toMs, fromMs + step * stepMs)).toISOString(),
        ...golden(row, stepMs),
      }),
    ),
  };
}

function golden(row: EdgeRow, lengthMs: number): Golden {
  const { requests, failures, clientErrors, denied, bytesIn, bytesOut, open, durations } = row;
  return {
    requests,
    failures,
    clientErrors,
    denied,
    successRate: requests === 0 ? null : Math.max(0, 1 - failures / requests),
    rps: rounded((requests * 1_000) / lengthMs),
    p50Ms: rounded(quantile(durations, 0.5)),
    p95Ms: rounded(quantile(durations, 0.95)),
    p99Ms: rounded(quantile(durations, 0.99)),
    bytesIn,
    bytesOut,
    open,
  };
}

function rounded<T extends number | null>(value: T): T {
  return (value === null ? null : Math.round(value * 1_000) / 1_000) as T;
}

function endOf(party: Party, { services, gateways, external = [] }: Names): TrafficEnd {
  const { service, version, principal } = party;
  const is = (list: readonly { readonly name: string }[]): boolean => list.some(each => each.name === service);
  const kind = ((): EndKind => {
    if (service === 'PassthroughCluster') return 'passthrough';
    if (service === 'BlackHoleCluster') return 'blackhole';
    if (is(services)) return 'service';
    if (is(gateways)) return 'gateway';
    if (is(external)) return 'external';
    // Of a version of the configuration that is no more in force.
    return accountOf(principal) === null ? 'unknown' : 'service';
  })();
  return { name: nameOf(party), version, kind, principal: principal === '' ? null : principal };
}

function nameOf({ service }: Party): string {
  return service === '' ? 'unknown' : service;
}

function idOf({ name, version }: Pick<TrafficEnd, 'name' | 'version'>): string {
  return version === '' ? name : `${name}@${version}`;
}

function byEnds(one: EdgeStats, other: EdgeStats): number {
  return (
    compare(idOf(one.source), idOf(other.source)) ||
    compare(idOf(one.destination), idOf(other.destination)) ||
    compare(one.protocol, other.protocol)
  );
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
