import type { z } from 'zod';
import { fields, namedMap, oneOrMany, text } from './field.ts';
import { headerValue } from './http-leaves.ts';

const edits = (what: string) =>
  fields(
    {
      remove: oneOrMany(text('a header name', { type: 'string' }), '`[x-debug]`')
        .optional()
        .describe('Taken out first.'),
      set: namedMap(headerValue, '`{x-team: shop}`').optional().describe(`Instead of what the ${what} has.`),
      add: namedMap(headerValue, '`{x-team: shop}`').optional().describe(`Beside what the ${what} has.`),
    },
    '`{set: {x-team: shop}, remove: [x-debug]}`',
  );

/** Changes of header fields. */
export const headers = fields(
  {
    request: edits('request').optional().describe('Of requests. `host` in `set` rewrites the host.'),
    response: edits('answer').optional().describe('Of answers.'),
  },
  '`{request: {set: {x-team: shop}}}`',
);

/** `headers` as written. */
export type HeadersSpec = z.output<typeof headers>;
/** One side of `headers` as written. */
export type HeaderEditsSpec = NonNullable<HeadersSpec['request']>;
