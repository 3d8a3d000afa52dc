import { MeshError } from './mesh-error.ts';
import type { StatsQuery, StatsRequest } from './stats.ts';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const dayMs = 24 * units.h;
/** End of the year 9999: what is later is no date to everybody. */
const lastMs = 253_402_300_799_999;
/** Of one answer. */
const maxPoints = 1_500;

const names = ['from', 'to', 'window', 'step', 'service'] as const;

/** Reads the parameters of a request; what they mean depends on when it is answered. @throws MeshError `bad-stats-query` */
export function readStatsRequest(params: URLSearchParams): StatsRequest {
  const unknown = [...params.keys()].find(name => !names.some(known => known === name));
  if (unknown !== undefined) throw bad(`unknown parameter ${JSON.stringify(unknown.slice(0, 60))}`, `one of ${names.join(', ')}`);
  const given = (name: string): object => (params.has(name) ? { [name]: params.get(name) } : {});
  return { ...given('from'), ...given('to'), ...given('window'), ...given('step'), services: params.getAll('service') };
}

/** The same as a query. */
export function statsQuery({ services = [], ...times }: StatsRequest): string {
  const given = Object.entries(times).filter(([, value]) => value !== undefined);
  return new URLSearchParams([...given, ...services.map(name => ['service', name])] as [string, string][]).toString();
}

/** Which stretch of time a request means. `nowMs`: wall clock. @throws MeshError `bad-stats-query` */
export function resolveStatsRequest({ from, to, window, step, services = [] }: StatsRequest, nowMs: number): StatsQuery {
  const toMs = moment(to, 'to', nowMs) ?? nowMs;
  const fromMs = moment(from, 'from', nowMs) ?? toMs - (length(window, 'window') ?? units.m);
  if (fromMs >= toMs) throw bad('`from` is not before `to`', 'nothing lies between them');
  if (toMs - fromMs > dayMs + units.h) throw bad('more than a day is asked for', 'the history keeps 24 hours');
  const stepMs = length(step, 'step');
  if (stepMs !== null && stepMs < units.s) throw bad('`step` is less than a second', 'seconds are the finest that is kept');
  if (stepMs !== null && (toMs - fromMs) / stepMs > maxPoints)
    throw bad(`more than ${maxPoints} points are asked for`, 'take a longer `step` or a shorter time');
  return { fromMs, toMs, stepMs, services };
}

function moment(text: string | undefined, name: string, nowMs: number): number | null {
  if (text === undefined) return null;
  if (text.startsWith('-')) return nowMs - (length(text.slice(1), name) ?? 0);
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (ms >= 0 && ms <= lastMs) return ms;
  throw bad(
    `\`${name}\` is no time: ${JSON.stringify(text.slice(0, 60))}`,
    'write RFC 3339, ms since 1970, or an age such as -5m',
  );
}

function length(text: string | undefined, name: string): number | null {
  if (text === undefined) return null;
  const [, number = '', unit = ''] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * (units[unit as keyof typeof units] ?? 0);
  if (ms > 0) return ms;
  throw bad(`\`${name}\` is no length of time: ${JSON.stringify(text.slice(0, 60))}`, 'write a number with ms, s, m or h');
}

function bad(message: string, hint: string): MeshError {
  return new MeshError('bad-stats-query', message, hint);
}
