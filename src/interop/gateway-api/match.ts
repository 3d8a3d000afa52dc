/** Conditions of a rule, and which of two rules goes first. */
import type { MatchDocument, PathDocument, ValueDocument } from '../mesh-document.ts';
import type { NamedValue, RouteMatchSpec } from './objects.ts';

/** One alternative of a rule's conditions in the words of mesh.yaml; `null` asks for nothing. */
export function translateMatch(match: RouteMatchSpec): MatchDocument | null {
  const path = pathOf(match);
  const method = typeof match.method === 'string' ? [match.method] : undefined;
  const headers = named(match.headers, name => name.toLowerCase());
  const query = named(match.queryParams, name => name);
  if (path === undefined && method === undefined && headers === undefined && query === undefined) return null;
  return { path, methods: method, headers, query };
}

function pathOf({ path, method }: RouteMatchSpec): PathDocument | undefined {
  if (typeof method === 'object') return grpcPath(method);
  const value = path?.value ?? '/';
  if (path?.type === 'Exact') return { exact: value };
  if (path?.type === 'RegularExpression') return { regex: value };
  // A trailing slash means nothing to a segment prefix.
  return value === '/' ? undefined : { prefix: value.replace(/\/$/, '') };
}

function grpcPath({
  type = 'Exact',
  service,
  method,
}: {
  type?: string;
  service?: string;
  method?: string;
}): PathDocument | undefined {
  if (service === undefined && method === undefined) return undefined;
  if (type === 'RegularExpression') return { regex: `/${service ?? '[^/]+'}/${method ?? '[^/]+'}` };
  if (service === undefined) return { regex: `/[^/]+/${method?.replace(/[.+]/g, '\\$&')}` };
  return method === undefined ? { prefix: `/${service}` } : { exact: `/${service}/${method}` };
}

/** Of several conditions on one name only the first counts. */
function named(
  values: readonly NamedValue[] | undefined,
  fold: (name: string) => string,
): Record<string, ValueDocument> | undefined {
  if (values === undefined || values.length === 0) return undefined;
  const found = new Map<string, ValueDocument>();
  for (const { name, type, value } of values)
    if (!found.has(fold(name))) found.set(fold(name), type === 'RegularExpression' ? { regex: value } : { exact: value });
  return Object.fromEntries(found);
}

/**
 * Precedence of two alternatives, the stronger first: exact path, regular expression, longest prefix, method, most headers, most query parameters.
 * What is left is decided by age, name and order, which is the caller's.
 * @see Gateway API, HTTPRouteRule.matches
 */
export function compareMatches(a: RouteMatchSpec, b: RouteMatchSpec): number {
  const [left, right] = [strength(a), strength(b)];
  for (const [place, value] of left.entries()) if (value !== right[place]) return (right[place] ?? 0) - value;
  return 0;
}

function strength(match: RouteMatchSpec): readonly number[] {
  const { headers = [], queryParams = [], method } = match;
  const path = pathOf(match);
  const [kind, value] = Object.entries(path ?? { prefix: '/' })[0] ?? ['prefix', '/'];
  const rank = kind === 'exact' ? 2 : kind === 'regex' ? 1 : 0;
  return [rank, value.length, typeof method === 'string' ? 1 : 0, headers.length, queryParams.length];
}
