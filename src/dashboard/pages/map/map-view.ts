/** What the Map shows, as its address says it. */
import type { StatsRequest } from '../../../api/stats.ts';

/** Lengths of time that are offered. */
export const windows = ['10s', '1m', '5m', '15m'] as const;
/** What can be written on edges. */
export const labels = ['rate', 'p50', 'p95', 'p99', 'none'] as const;
/** Which calls can be shown alone. */
export const onlys = ['all', 'failing', 'denied'] as const;

/** The part of the past that the slider reaches, seconds: what is kept by the second. */
export const sliderSeconds = 900;

/** Choices of the user. */
export interface MapView {
  readonly window: (typeof windows)[number];
  /** End of the stretch that is shown, ms since epoch; `null`: now. */
  readonly atMs: number | null;
  /** What is written on edges. */
  readonly label: (typeof labels)[number];
  /** Only calls that fail, or that were refused. */
  readonly only: (typeof onlys)[number];
  readonly hideIdle: boolean;
  /** Part of a name. */
  readonly name: string;
  readonly namespace: string;
  /** `key` or `key=value`. */
  readonly containerLabel: string;
  /** Dashes move along edges. */
  readonly moving: boolean;
  /** Id of a node, or of an edge; the empty string: nothing. */
  readonly selected: string;
}

/** Reads the query of the address; what it does not know is as if it were not there. */
export function readMapView(query: URLSearchParams): MapView {
  const one = <T extends string>(name: string, of: readonly [T, ...T[]], byDefault: T): T =>
    of.find(each => each === query.get(name)) ?? byDefault;
  const at = query.get('at') ?? '';
  return {
    window: one('window', windows, '1m'),
    atMs: /^\d{12,14}$/.test(at) ? Number(at) : null,
    label: one('label', labels, 'rate'),
    only: one('only', onlys, 'all'),
    hideIdle: query.get('idle') === 'hide',
    name: query.get('name') ?? '',
    namespace: query.get('namespace') ?? '',
    containerLabel: query.get('tag') ?? '',
    moving: query.get('move') === 'on',
    selected: query.get('selected') ?? '',
  };
}

/** The same moment for every question of the page. */
export function timeQuery({ atMs }: Pick<MapView, 'atMs'>, window: string): Pick<StatsRequest, 'window' | 'to'> {
  return atMs === null ? { window } : { window, to: String(atMs) };
}

/** Query of a question about a stretch of time. */
export function statsPath(
  path: '/v1/graph' | '/v1/stats' | '/v1/routes',
  { services = [], ...times }: StatsRequest & { readonly services?: readonly string[] },
): string {
  const given = Object.entries(times).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `${path}?${new URLSearchParams([...given, ...services.map(name => ['service', name])])}`;
}
