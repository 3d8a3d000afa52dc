import { z } from 'zod';
import type { TextMatch } from '../../snapshot/route-rule.ts';
import { shown } from '../shown.ts';
import { exactlyOne, field, fields, oneOf, oneOrMany, text } from './field.ts';
import { flag, headerText, regex } from './http-leaves.ts';
import { duration, method } from './leaves.ts';

/** A browser's `Origin`: scheme, host, and a port that is not the scheme's own. */
const origin = field<TextMatch>(
  value => {
    // Browsers repeat the origin; the one that lets every page in is known by this pattern.
    if (value === '*') return { kind: 'regex', value: '.*' };
    const text = typeof value === 'string' ? value.toLowerCase() : '';
    if (text === 'null' || /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#*]+$/.test(text)) return { kind: 'exact', value: text };
    return {
      problem: `${shown(value)} is not an origin`,
      hint: 'scheme and host without a path: `https://shop.example`; or `{regex: …}`, or `"*"`',
    };
  },
  { type: 'string', examples: ['https://shop.example'] },
);

const origins = z.union([
  origin,
  exactlyOne(
    { exact: origin, prefix: text('a text'), regex },
    '`https://shop.example`, `{prefix: "https://shop."}` or `{regex: …}`',
  ).transform((given): TextMatch => (given.key === 'exact' ? given.value : { kind: given.key, value: given.value })),
]);

const methods = z.union([
  method,
  field<string>(
    value => (value === '*' ? '*' : { problem: `${shown(value)} is not a method`, hint: 'a method such as `GET`, or `"*"`' }),
    { const: '*' },
  ),
]);

/** Which pages of other origins may call. */
export const cors = fields(
  {
    origins: oneOrMany(origins, '`["https://shop.example"]`').describe(
      'Origins that may call: an origin, `{prefix: …}`, `{regex: …}`, or `"*"` for all.',
    ),
    methods: oneOrMany(methods, '`[GET]`').optional().describe('Methods that a preflight allows.'),
    headers: oneOrMany(headerText, '`[content-type]`').optional().describe('Request headers that a preflight allows.'),
    expose: oneOrMany(headerText, '`[x-total]`').optional().describe('Headers of the answer that the page may read.'),
    maxAge: duration.optional().describe('How long browsers keep the answer to a preflight; whole seconds.'),
    credentials: flag.optional().describe('Cookies and the like may be sent. Default `false`.'),
    unmatchedPreflights: oneOf(['forward', 'ignore'])
      .optional()
      .describe(
        'A preflight of another origin: `forward` to the service (default), or `ignore`: answered without leave, and not forwarded.',
      ),
  },
  '`{origins: ["https://shop.example"]}`',
);

/** `cors` as written. */
export type CorsSpec = z.output<typeof cors>;
