import { MeshError } from './mesh-error.ts';
import type { TraceFilter } from './trace.ts';

const maxTraces = 2_000;

/** Which traces a query asks for. @throws MeshError `bad-filter` */
export function readTraceFilter(query: URLSearchParams): TraceFilter {
  const service = query.get('service');
  const status = query.get('status');
  const minMs = query.get('minMs');
  const broken = query.get('broken');
  const limit = query.get('limit');
  if (status !== null && !/^(?:[1-5][0-9x][0-9x]|0|error)$/.test(status))
    throw new MeshError(
      'bad-filter',
      `no status ${JSON.stringify(status.slice(0, 40))}`,
      'one such as 503, 5xx, 0 for no answer, or error',
    );
  if (broken !== null && broken !== 'true' && broken !== 'false')
    throw new MeshError('bad-filter', `\`broken\` is ${JSON.stringify(broken.slice(0, 40))}`, '`true` or `false`');
  return {
    ...(service === null ? {} : { service }),
    ...(status === null ? {} : { status }),
    ...(minMs === null ? {} : { minMs: number(minMs, 'minMs') }),
    ...(broken === null ? {} : { broken: broken === 'true' }),
    ...(limit === null ? {} : { limit: Math.min(maxTraces, number(limit, 'limit')) }),
  };
}

/** The same as a query. */
export function traceQuery(filter: TraceFilter): string {
  const entries = Object.entries(filter).filter(([, value]) => value !== undefined);
  return new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
}

function number(text: string, name: string): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new MeshError('bad-filter', `\`${name}\` ${JSON.stringify(text.slice(0, 40))} is not a number`, 'a number from 0');
}
