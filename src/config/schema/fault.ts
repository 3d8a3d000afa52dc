import { z } from 'zod';
import type { Fault } from '../../snapshot/route-rule.ts';
import { suggest } from '../nearest.ts';
import { shown } from '../shown.ts';
import { isProblem, type Problem } from '../units.ts';
import { checked, exactlyOne, field, fields, integer, single } from './field.ts';
import { percent, yes } from './http-leaves.ts';
import { duration, size } from './leaves.ts';

/** gRPC status codes by number. @see https://grpc.io/docs/guides/status-codes/ */
const grpcStatuses = [
  'ok',
  'cancelled',
  'unknown',
  'invalid-argument',
  'deadline-exceeded',
  'not-found',
  'already-exists',
  'permission-denied',
  'resource-exhausted',
  'failed-precondition',
  'aborted',
  'out-of-range',
  'unimplemented',
  'internal',
  'unavailable',
  'data-loss',
  'unauthenticated',
] as const;

const grpcStatus = field<number>(
  value => {
    if (typeof value === 'number' && grpcStatuses[value] !== undefined) return value;
    const name = String(value).toLowerCase().replaceAll('_', '-');
    const code = (grpcStatuses as readonly string[]).indexOf(name);
    return code >= 0 ? code : { problem: `${shown(value)} is not a gRPC status`, hint: suggest(name, grpcStatuses) };
  },
  { type: ['string', 'integer'], examples: ['unavailable'] },
);

const abort = z.union([
  integer(200, 599, 'a status code', 503).transform(status => ({ status })),
  exactlyOne({ grpc: grpcStatus }, '`503` or `{grpc: unavailable}`').transform(({ value }) => ({
    status: 200,
    grpcStatus: value,
  })),
]);

const kinds = ['delay', 'abort', 'reset', 'blackhole', 'bandwidth'] as const;

/** One failure made on purpose. */
export const fault = checked(
  fields(
    {
      delay: duration.optional().describe('Waits so long before the request goes on.'),
      jitter: duration.optional().describe('Up to so much longer, evenly drawn. Beside `delay`.'),
      abort: abort.optional().describe('Answers with this status; `{grpc: unavailable}` for gRPC.'),
      reset: yes.optional().describe("Cuts the caller's connection."),
      blackhole: yes.optional().describe('Never answers.'),
      bandwidth: size.optional().describe('Bytes of the answer per second.'),
      percent: percent.optional().describe('Of how many requests. Default `100%` (in Istio none).'),
      first: integer(1, 1_000_000_000, 'a number of requests', 3)
        .optional()
        .describe('Only the first so many that would be hit. Default: all.'),
    },
    '`{delay: 2s, percent: 50%}`',
  ),
  (spec): Fault | Problem => {
    const kind = single(spec, kinds, '`delay`, `abort`, `reset`, `blackhole`, `bandwidth`; several make a list');
    if (isProblem(kind)) return kind;
    if (spec.jitter !== undefined && spec.delay === undefined)
      return { problem: 'says `jitter` without `delay`', hint: 'write `{delay: 100ms, jitter: 50ms}`' };
    const scope = { percent: spec.percent ?? 100, ...(spec.first === undefined ? {} : { first: spec.first }) };
    if (spec.delay !== undefined) return { kind: 'delay', ...scope, ms: spec.delay, jitterMs: spec.jitter ?? 0 };
    if (spec.abort !== undefined) return { kind: 'abort', ...scope, ...spec.abort };
    if (spec.bandwidth !== undefined) return { kind: 'bandwidth', ...scope, bytesPerSecond: spec.bandwidth };
    return { kind: spec.reset === undefined ? 'blackhole' : 'reset', ...scope };
  },
);
