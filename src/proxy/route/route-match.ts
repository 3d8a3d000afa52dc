import { compilePattern } from '../../snapshot/pattern.ts';
import type { NamedMatch, PathMatch, RouteMatch } from '../../snapshot/snapshot.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** Judges a request whose head was just read. */
export type Matcher = (head: RequestHead, path: string) => boolean;

/** Compiles one match; regular expressions are made once. @throws SyntaxError for an expression that cannot be compiled */
export function compileMatch(match: RouteMatch): Matcher {
  const tests: Matcher[] = [];
  if (match.methods.length > 0) {
    const methods = match.methods;
    tests.push(head => methods.includes(head.method));
  }
  if (match.path !== null) tests.push(compilePath(match.path));
  for (const header of match.headers) tests.push(compileHeader(header));
  for (const param of match.query) tests.push(compileQuery(param));
  const [only] = tests;
  if (only !== undefined && tests.length === 1) return only;
  return (head, path) => tests.every(test => test(head, path));
}

function compilePath({ kind, value }: PathMatch): Matcher {
  switch (kind) {
    case 'exact':
      return (_, path) => path === value;
    case 'prefix': {
      const segments = value.endsWith('/') ? value.slice(0, -1) : value;
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

function compileHeader(match: NamedMatch): Matcher {
  const { name } = match;
  const test = compileValue(match);
  // `host` in rules means the authority, also where the request was in absolute form.
  if (name === 'host' || name === ':authority') return head => test(head.authority);
  return head => test(head.named(name));
}

function compileQuery(match: NamedMatch): Matcher {
  const { name } = match;
  const test = compileValue(match);
  return head => test(queryValue(head.target, name));
}

function compileValue({ kind, value }: NamedMatch): (found: string | null) => boolean {
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
