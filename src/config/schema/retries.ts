import { z } from 'zod';
import type { RetryCondition } from '../../snapshot/route-rule.ts';
import { fields, integer, oneOf, oneOrMany } from './field.ts';
import { duration, method } from './leaves.ts';

const conditions = [
  'connect-failure',
  'refused-stream',
  'reset',
  'reset-before-request',
  '5xx',
  'gateway-error',
  'retriable-4xx',
  'retriable-status-codes',
  'envoy-ratelimited',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const satisfies RetryCondition[];

const attempts = integer(0, 10, 'a number of retries', 2);

const full = fields(
  {
    attempts: attempts.optional().describe('Retries after the first try, at most 10. Default `2`.'),
    on: oneOrMany(oneOf(conditions), '`[connect-failure]`')
      .optional()
      .describe("When to retry: Envoy's conditions, the last five for gRPC. Default `[connect-failure, gateway-error, reset]`."),
    codes: oneOrMany(integer(100, 599, 'a status code', 503), '`[503]`')
      .optional()
      .describe('Status codes to retry; adds `retriable-status-codes`.'),
    perTry: duration.optional().describe('Time for one try. Default: none.'),
    backoff: duration.optional().describe('Base of the waiting time between tries, which doubles. Default `25ms`.'),
    maxBackoff: duration.optional().describe('Longest waiting time. Default: ten times the base.'),
    methods: oneOrMany(method, '`[GET]`')
      .optional()
      .describe('Methods that may be retried. Default: the idempotent ones; with a condition of gRPC `POST` too.'),
  },
  '`{attempts: 2}`',
);

/** `retries` as written. */
export type RetriesSpec = z.output<typeof full>;

/** When and how often a request is tried again: a number, or more. */
export const retries = z.union([attempts.transform((attempts): RetriesSpec => ({ attempts })), full]);
