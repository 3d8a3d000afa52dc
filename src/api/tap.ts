/** Live requests over the API: what a watcher asks for, and the lines that it gets. */
import type { TapEvent } from '../snapshot/tap.ts';
import { MeshError } from './mesh-error.ts';

/** What a watcher wants to see. All conditions have to hold; empty ones ask for nothing. */
export interface TapRequest {
  readonly at: 'source' | 'destination' | 'both';
  /** Services and gateways. */
  readonly from: string;
  readonly to: string;
  /** Beginning of the path. */
  readonly path: string;
  readonly method: string;
  /** `404`, `5xx`, `400-499`. */
  readonly statuses: readonly string[];
  /** `name: value`, or a name that has to be there. */
  readonly headers: readonly string[];
  /** Bytes of each body to show, 0: none; at most 64 KiB. */
  readonly bodyBytes: number;
  /** Ends after so many lines; 0: does not. */
  readonly max: number;
  /** Ends after so long, in ms; 0: does not. */
  readonly forMs: number;
}

/** One line. */
export type TapLine =
  /** `at`: the workload whose sidecar tells. */
  | (TapEvent & { readonly at: string })
  /** So many more fitted, and were not told: more than a sidecar tells in a second. */
  | { readonly kind: 'shed'; readonly at: string; readonly count: number }
  /** The last one. `slow`: whoever reads does not keep up, and lines are not kept. */
  | { readonly kind: 'end'; readonly reason: 'max' | 'time' | 'slow' };

/** A request with its answer. */
export type TapExchange = Extract<TapLine, { readonly kind: 'exchange' }>;

/** The beginning of a body. */
export type TapBody = NonNullable<TapExchange['requestBody']>;

/** Everything, where it arrives. */
export const anyTap: TapRequest = {
  at: 'destination',
  from: '',
  to: '',
  path: '',
  method: '',
  statuses: [],
  headers: [],
  bodyBytes: 0,
  max: 0,
  forMs: 0,
};

const maxBodyBytes = 65_536;
const places = ['source', 'destination', 'both'] as const;

/** The request as a query. */
export function tapQuery({ statuses, headers, ...rest }: TapRequest): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(rest)) if (value !== '' && value !== 0) query.append(name, String(value));
  for (const status of statuses) query.append('status', status);
  for (const header of headers) query.append('header', header);
  return query.toString();
}

/** Reads a query. @throws MeshError `bad-tap` */
export function readTapRequest(query: URLSearchParams): TapRequest {
  const known = [...Object.keys(anyTap).filter(name => name !== 'statuses' && name !== 'headers'), 'status', 'header'];
  for (const name of query.keys())
    if (!known.includes(name)) throw bad(`unknown parameter ${JSON.stringify(name.slice(0, 60))}`, `one of ${known.join(', ')}`);
  const at = places.find(place => place === (query.get('at') ?? anyTap.at));
  if (at === undefined) throw bad('`at` is not known', `one of ${places.join(', ')}`);
  const statuses = query.getAll('status').flatMap(text => text.split(','));
  for (const status of statuses) statusRange(status);
  const headers = query.getAll('header');
  for (const header of headers) headerTest(header);
  const word = (name: string): string => query.get(name) ?? '';
  const whole = (name: string, most: number): number => {
    const text = query.get(name) ?? '0';
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= most)) throw bad(`\`${name}\` is ${JSON.stringify(text.slice(0, 40))}`, `a whole number from 0 to ${most}`);
    return value;
  };
  return {
    at,
    from: word('from'),
    to: word('to'),
    path: word('path'),
    method: word('method').toUpperCase(),
    statuses,
    headers,
    bodyBytes: whole('bodyBytes', maxBodyBytes),
    max: whole('max', 1_000_000),
    forMs: whole('forMs', 24 * 3_600_000),
  };
}

/** First and last status of `404`, `5xx` or `400-499`. @throws MeshError `bad-tap` */
export function statusRange(text: string): readonly [number, number] {
  const [, one, family, least, most] = /^(?:(\d{1,3})|([1-5])xx|(\d{3})-(\d{3}))$/i.exec(text.trim()) ?? [];
  if (one !== undefined) return [Number(one), Number(one)];
  if (family !== undefined) return [Number(family) * 100, Number(family) * 100 + 99];
  if (least !== undefined && most !== undefined && least <= most) return [Number(least), Number(most)];
  throw bad(`${JSON.stringify(text.slice(0, 40))} is no status`, 'e.g. `404`, `5xx` or `400-499`; 0 is no answer');
}

/** Lower-case name, and the value or `null`. @throws MeshError `bad-tap` */
export function headerTest(text: string): { readonly name: string; readonly value: string | null } {
  const colon = text.indexOf(':');
  const name = (colon < 0 ? text : text.slice(0, colon)).trim().toLowerCase();
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name))
    throw bad(`${JSON.stringify(text.slice(0, 40))} is no header`, 'e.g. `end-user: jason`, or `end-user` for any value');
  return { name, value: colon < 0 ? null : text.slice(colon + 1).trim() };
}

function bad(problem: string, hint: string): MeshError {
  return new MeshError('bad-tap', problem, hint);
}
