import type { z } from 'zod';
import { shown } from '../shown.ts';
import { field, fields, integer, oneOrMany, text } from './field.ts';
import { flag, headerName, headerProblem, pathProblem } from './http-leaves.ts';
import { duration, port } from './leaves.ts';

/** What sidecars say of a request themselves: an authorizer that said it too would be believed. */
const told = new Set(['host', 'x-request-id', 'x-forwarded-client-cert', 'x-forwarded-for', 'x-forwarded-proto']);

const setHeader = field<string>(
  value => {
    if (typeof value !== 'string')
      return { problem: `${shown(value)} is not a header name`, hint: 'letters, digits and `-`: `x-user`' };
    const name = value.toLowerCase();
    return (
      headerProblem(name) ??
      (told.has(name) ? { problem: `${shown(value)} cannot be set`, hint: 'sidecars write it themselves' } : name)
    );
  },
  { type: 'string', examples: ['x-user'] },
);

const headerPattern = field<string>(
  value => {
    const name = typeof value === 'string' ? value.toLowerCase() : '';
    if (/^(\*[!#$%&'+.^_`|~0-9a-z-]+|[!#$%&'+.^_`|~0-9a-z-]+\*?)$/.test(name)) return name;
    return { problem: `${shown(value)} is not a header name`, hint: 'a name, `prefix*` or `*suffix`: `cookie`, `x-*`' };
  },
  { type: 'string', examples: ['cookie', 'x-*'] },
);

const path = field<string>(
  value => {
    if (typeof value !== 'string' || !value.startsWith('/'))
      return { problem: `${shown(value)} is not a path`, hint: 'it begins with `/`: `/check`' };
    return pathProblem(value) ?? (value.endsWith('/') ? value.slice(0, -1) : value);
  },
  { type: 'string', examples: ['/check'] },
);

/** A service that is asked whether requests may pass. */
export const authorizer = fields(
  {
    service: text('a service', { type: 'string' }).describe('The service that is asked, in the mesh or of `external`.'),
    port: port.optional().describe('Its port. Default: the only one that it has.'),
    path: path.optional().describe("Put in front of the request's own path. Default: nothing."),
    timeout: duration.optional().describe('How long its answer may take. Default `1s`.'),
    failOpen: flag
      .optional()
      .describe('`true`: requests pass when it gives no answer, or one of 500 and more. Default: they are refused.'),
    statusOnError: integer(400, 599, 'a status code', 403).optional().describe('What they are refused with. Default `403`.'),
    headers: oneOrMany(headerPattern, '`[cookie, "x-*"]`')
      .optional()
      .describe('Headers of the request that it is told, besides `authorization`; `x-*` and `*-id` too.'),
    addsToRequest: oneOrMany(setHeader, '`[x-user]`')
      .optional()
      .describe("Headers of its yes that the app gets, in place of the client's own."),
    addsToAnswer: oneOrMany(headerName, '`[x-reason]`')
      .optional()
      .describe('Headers of its no that the client gets. Default: all.'),
  },
  '`{service: opa, port: 8181}`',
);

/** An authorizer as written. */
export type AuthorizerSpec = z.output<typeof authorizer>;
