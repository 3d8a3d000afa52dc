import { compilePattern } from '../../pattern/pattern.ts';
import type { NamedMatch, PathMatch, RouteMatch } from '../../snapshot/route-rule.ts';
import type { ClaimMatch } from '../../snapshot/token-policy.ts';
import { hostOf } from '../http1/authority.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { claimValues, type VerifiedToken } from '../token/verified-token.ts';

/** Judges a request whose head was just read. `token`: its verified one. */
export type Matcher = (head: RequestHead, path: string, token: VerifiedToken | null) => boolean;

/** One condition of a match, with what it was made from. */
export type Condition = { readonly test: Matcher } & (
  | { readonly kind: 'methods' | 'hosts'; readonly of: readonly string[] }
  | { readonly kind: 'path'; readonly of: PathMatch }
  | { readonly kind: 'header' | 'query'; readonly of: NamedMatch }
  | { readonly kind: 'claim'; readonly of: ClaimMatch }
);

/** The conditions of a match, cheapest first. Patterns are compiled once. @throws SyntaxError for one that cannot be compiled */
export function compileConditions({ path, methods, headers, query, hosts, claims = [] }: RouteMatch): readonly Condition[] {
  const conditions: Condition[] = [];
  if (methods.length > 0) conditions.push({ kind: 'methods', of: methods, test: head => methods.includes(head.method) });
  if (path !== null) conditions.push({ kind: 'path', of: path, test: compilePath(path) });
  if (hosts !== undefined && hosts.length > 0) conditions.push({ kind: 'hosts', of: hosts, test: compileHosts(hosts) });
  for (const of of headers) conditions.push({ kind: 'header', of, test: compileNamed(of, headerReader(of.name)) });
  for (const of of query) conditions.push({ kind: 'query', of, test: compileNamed(of, queryReader(of.name)) });
  for (const of of claims) conditions.push({ kind: 'claim', of, test: compileClaim(of) });
  return conditions;
}

/** Whether all of them hold. */
export function allOf(conditions: readonly Condition[]): Matcher {
  const tests = conditions.map(({ test }) => test);
  const [only] = tests;
  if (only !== undefined && tests.length === 1) return only;
  return (head, path, token) => {
    for (const test of tests) if (!test(head, path, token)) return false;
    return true;
  };
}

/** What one text of a request is, `null` where it has none. */
export type Reader = (head: RequestHead) => string | null;

/** The value of a header. `host` in rules means the authority, also where the request was in absolute form. */
export function headerReader(name: string): Reader {
  if (name === 'host' || name === ':authority') return head => head.authority;
  return head => head.named(name);
}

/** The value of a query parameter. */
export function queryReader(name: string): Reader {
  return head => queryValue(head.target, name);
}

/** The host that the request is for. */
export const hostReader: Reader = head => hostOf(head.authority);

function compilePath({ kind, value }: PathMatch): Matcher {
  switch (kind) {
    case 'exact':
      return (_, path) => path === value;
    case 'prefix': {
      const segments = segmentsOf(value);
      return (_, path) =>
        path.startsWith(segments) && (path.length === segments.length || path.charCodeAt(segments.length) === 47);
    }
    case 'starts-with':
      return (_, path) => path.startsWith(value);
    case 'regex': {
      const pattern = compilePattern(value);
      return (_, path) => pattern.test(path);
    }
  }
}

/** A prefix of whole segments without the slash at its end: `/` is every path. */
export function segmentsOf(prefix: string): string {
  return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
}

function compileHosts(hosts: readonly string[]): Matcher {
  return head => {
    const host = hostReader(head) ?? '';
    return hosts.some(wanted => {
      if (wanted.startsWith('*')) return host.length >= wanted.length && host.endsWith(wanted.slice(1));
      if (wanted.endsWith('*')) return host.length >= wanted.length && host.startsWith(wanted.slice(0, -1));
      return host === wanted;
    });
  };
}

function compileNamed(match: NamedMatch, read: Reader): Matcher {
  const test = compileValue(match);
  if (match.not !== true) return head => test(read(head));
  if (match.kind === 'present' || match.kind === 'absent') return head => !test(read(head));
  return head => !test(read(head) ?? '');
}

/** A list matches when one of its items does; turned round, when none does. */
function compileClaim(match: ClaimMatch): Matcher {
  const { kind, claim, not = false } = match;
  const test = compileValue(match);
  const holds = (values: readonly string[] | null): boolean =>
    kind === 'present' || kind === 'absent' ? (values === null) === (kind === 'absent') : (values?.some(test) ?? false);
  return (_head, _path, token) => holds(claimValues(token, claim)) !== not;
}

function compileValue({ kind, value }: Pick<NamedMatch, 'kind' | 'value'>): (found: string | null) => boolean {
  switch (kind) {
    case 'exact':
      return found => found === value;
    case 'prefix':
      return found => found?.startsWith(value) ?? false;
    case 'regex': {
      const pattern = compilePattern(value);
      return found => found !== null && pattern.test(found);
    }
    case 'present':
      return found => found !== null;
    case 'absent':
      return found => found === null;
  }
}

/** First value of a query parameter, decoded where it decodes; `null` when it does not occur. */
function queryValue(target: string, name: string): string | null {
  const query = target.indexOf('?');
  if (query < 0) return null;
  for (const pair of target.slice(query + 1).split('&')) {
    const equals = pair.indexOf('=');
    if (decode(equals < 0 ? pair : pair.slice(0, equals)) === name) return equals < 0 ? '' : decode(pair.slice(equals + 1));
  }
  return null;
}

function decode(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
