import type { PathRewrite, RedirectAction, RespondAction, Rewrite } from '../../snapshot/route-rule.ts';
import { shown } from '../shown.ts';
import { isProblem, type Problem } from '../units.ts';
import { checked, field, fields, integer, oneOf, single, text } from './field.ts';
import { authority, headerValue, path, regex } from './http-leaves.ts';
import { port } from './leaves.ts';

const replacement = field<string>(
  value =>
    typeof value === 'string' && /^[^\s\x00-\x20\x7f]+$/.test(value)
      ? value
      : { problem: `${shown(value)} is not a replacement`, hint: 'a path in which `\\1` stands for the first group: `"/\\\\1"`' },
  { type: 'string', examples: ['/\\1'] },
);

const pathFields = {
  path: path.optional().describe('The whole new path. The query stays.'),
  prefix: path
    .optional()
    .describe("Instead of what the rule's path condition matched: `/` makes `/a` of `/api/a` under `/api/*`."),
  regex: regex.optional().describe('Every place of the path that this finds is replaced by `with`.'),
  with: replacement.optional().describe('What `regex` is replaced by; `\\1` to `\\9` stand for its groups.'),
};

interface PathFields {
  readonly path?: string | undefined;
  readonly prefix?: string | undefined;
  readonly regex?: string | undefined;
  readonly with?: string | undefined;
}

/** At most one way to change the path. `undefined`: it stays. */
function pathRewrite(spec: PathFields): PathRewrite | Problem | undefined {
  if ((spec.regex === undefined) !== (spec.with === undefined)) {
    const [given, missing] = spec.with === undefined ? ['regex', 'with'] : ['with', 'regex'];
    return { problem: `says \`${given}\` without \`${missing}\``, hint: 'write `{regex: "^/v1/(.*)", with: "/\\\\1"}`' };
  }
  if (spec.path === undefined && spec.prefix === undefined && spec.regex === undefined) return undefined;
  const key = single(spec, ['path', 'prefix', 'regex'], '`path`, `prefix`, `regex` with `with`');
  if (isProblem(key)) return key;
  if (spec.path !== undefined) return { kind: 'full', value: spec.path };
  if (spec.prefix !== undefined) return { kind: 'prefix', value: spec.prefix };
  return { kind: 'regex', pattern: spec.regex ?? '', value: spec.with ?? '' };
}

/** How a forwarded request is changed. */
export const rewrite = checked(
  fields({ ...pathFields, host: authority.optional().describe('The host that the service is told.') }, '`{prefix: /}`'),
  (spec): Rewrite | Problem => {
    const path = pathRewrite(spec);
    if (isProblem(path)) return path;
    if (path === undefined && spec.host === undefined)
      return { problem: 'changes nothing', hint: 'write `path`, `prefix`, `regex` or `host`' };
    return { ...(path === undefined ? {} : { path }), ...(spec.host === undefined ? {} : { host: spec.host }) };
  },
);

const redirectStatuses = [301, 302, 303, 307, 308] as const;

const redirectStatus = field<RedirectAction['status']>(
  value =>
    redirectStatuses.find(status => status === value) ?? {
      problem: `${shown(value)} is not the status of a redirection`,
      hint: `one of ${redirectStatuses.join(', ')}`,
    },
  { type: 'integer', enum: [...redirectStatuses] },
);

/** Where the client is sent instead. */
export const redirect = checked(
  fields(
    {
      ...pathFields,
      scheme: oneOf(['http', 'https']).optional().describe('Default: the one of the request.'),
      host: authority.optional().describe('Default: the one of the request.'),
      port: port.optional().describe("Default: the one of the request. A scheme's own port is not written."),
      status: redirectStatus.optional().describe('301 (default), 302, 303, 307 or 308.'),
    },
    '`{scheme: https}`',
  ),
  (spec): RedirectAction | Problem => {
    const path = pathRewrite(spec);
    if (isProblem(path)) return path;
    const { scheme, host, port, status = 301 } = spec;
    if (host?.includes(':')) return { problem: `host ${shown(host)} holds a port`, hint: 'write `host` and `port`' };
    if (path === undefined && scheme === undefined && host === undefined && port === undefined)
      return { problem: 'leads back to where the client came from', hint: 'write `scheme`, `host`, `port`, `path` or `prefix`' };
    return {
      kind: 'redirect',
      status,
      ...(scheme === undefined ? {} : { scheme }),
      ...(host === undefined ? {} : { host }),
      ...(port === undefined ? {} : { port }),
      ...(path === undefined ? {} : { path }),
    };
  },
);

/** A longer answer belongs into a service: sidecars keep it in memory, once for every rule. */
const maxBodyLength = 64 * 1024;

/** An answer in place of a service. */
export const respond = checked(
  fields(
    {
      status: integer(200, 599, 'the status of an answer', 503).describe('Status code, 200 to 599.'),
      body: text('a text').optional().describe('Body. Default: none.'),
      contentType: headerValue.optional().describe('Default `text/plain`.'),
    },
    '`{status: 503, body: "back soon"}`',
  ),
  ({ status, body = '', contentType = 'text/plain' }): RespondAction | Problem => {
    if (body !== '' && (status === 204 || status === 205 || status === 304))
      return { problem: `an answer with status ${status} has no body`, hint: 'remove `body`, or choose another status' };
    if (body.length > maxBodyLength)
      return {
        problem: `the body is ${body.length} characters long`,
        hint: `at most ${maxBodyLength}; a service can answer more`,
      };
    return { kind: 'respond', status, body, contentType };
  },
);
