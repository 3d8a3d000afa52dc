/** Filters of rules and backends. */
import type { CorsDocument, HeaderEditsDocument, HeadersDocument, PathRewriteDocument, RuleDocument } from '../mesh-document.ts';
import type { FilterSpec, HeaderFilterSpec, NamedValue, ObjectReference, PathModifierSpec, RouteMatchSpec } from './objects.ts';

/** What filters look up and report. */
export interface FilterContext {
  /** A Service as a destination of mesh.yaml; `null`, and noted, where there is none. */
  readonly destination: (reference: ObjectReference) => string | null;
  readonly note: (message: string) => void;
}

/** What the filters of a rule come to, for one alternative of its conditions. */
export function translateFilters(filters: readonly FilterSpec[], match: RouteMatchSpec, context: FilterContext): RuleDocument {
  let rule: RuleDocument = {};
  const headers = translateHeaders(filters);
  if (headers !== undefined) rule = { ...rule, headers };
  for (const filter of filters) {
    const { requestRedirect, urlRewrite, requestMirror, cors } = filter;
    if (requestRedirect !== undefined) rule = { ...rule, redirect: redirectOf(requestRedirect, match) };
    else if (urlRewrite !== undefined) rule = { ...rule, rewrite: { host: urlRewrite.hostname, ...pathOf(urlRewrite.path) } };
    else if (requestMirror !== undefined) {
      const to = context.destination(requestMirror.backendRef);
      if (to !== null) rule = { ...rule, mirror: [...(rule.mirror ?? []), { to, percent: percentOf(requestMirror) }] };
    } else if (cors !== undefined) {
      if (cors.allowCredentials === true && (cors.allowOrigins ?? ['*']).includes('*'))
        context.note('every page of the web may call with the cookies of its visitor');
      rule = { ...rule, cors: corsOf(cors) };
    } else if (filter.requestHeaderModifier === undefined && filter.responseHeaderModifier === undefined)
      context.note(`the filter ${filter.type} is left out`);
  }
  return rule;
}

/** Changes of header fields among the filters. */
export function translateHeaders(filters: readonly FilterSpec[]): HeadersDocument | undefined {
  const request = filters.find(filter => filter.requestHeaderModifier !== undefined)?.requestHeaderModifier;
  const response = filters.find(filter => filter.responseHeaderModifier !== undefined)?.responseHeaderModifier;
  if (request === undefined && response === undefined) return undefined;
  return { request: editsOf(request), response: editsOf(response) };
}

function editsOf(edits: HeaderFilterSpec | undefined): HeaderEditsDocument | undefined {
  if (edits === undefined) return undefined;
  const fields = (values: readonly NamedValue[] | undefined): Record<string, string> | undefined =>
    values === undefined ? undefined : Object.fromEntries(values.map(({ name, value }) => [name.toLowerCase(), value]));
  return { set: fields(edits.set), add: fields(edits.add), remove: edits.remove?.map(name => name.toLowerCase()) };
}

function pathOf(path: PathModifierSpec | undefined): PathRewriteDocument {
  if (path?.replaceFullPath !== undefined) return { path: path.replaceFullPath };
  return path?.replacePrefixMatch === undefined ? {} : { prefix: path.replacePrefixMatch === '' ? '/' : path.replacePrefixMatch };
}

function redirectOf(
  { scheme, hostname, port, path, statusCode = 302 }: NonNullable<FilterSpec['requestRedirect']>,
  match: RouteMatchSpec,
): NonNullable<RuleDocument['redirect']> {
  const changes = pathOf(path);
  // Without a port, a new scheme means its own port.
  const ownPort = scheme === 'https' ? 443 : scheme === 'http' ? 80 : undefined;
  const nothing = scheme === undefined && hostname === undefined && port === undefined && path === undefined;
  // A redirection that changes the method only (303, 307): the path in place of itself.
  const itself = match.path?.value ?? '/';
  const same = match.path?.type === 'Exact' ? { path: itself } : { prefix: itself };
  return { status: statusCode, scheme, host: hostname, port: port ?? ownPort, ...(nothing ? same : changes) };
}

function percentOf({ percent, fraction }: NonNullable<FilterSpec['requestMirror']>): string | undefined {
  const share = fraction === undefined ? percent : (100 * fraction.numerator) / (fraction.denominator ?? 100);
  return share === undefined ? undefined : `${share}%`;
}

function corsOf(cors: NonNullable<FilterSpec['cors']>): CorsDocument {
  const { allowOrigins = ['*'], allowMethods, allowHeaders, exposeHeaders, allowCredentials, maxAge } = cors;
  return {
    origins: allowOrigins.map(origin => {
      // With credentials, `*` has to be meant: it is written out.
      if (origin === '*') return allowCredentials === true ? { regex: '[a-z][a-z0-9+.-]*://.*' } : origin;
      return origin.includes('*') ? { regex: patternOf(origin) } : origin;
    }),
    methods: allowMethods,
    headers: allowHeaders,
    expose: exposeHeaders,
    credentials: allowCredentials,
    maxAge: maxAge === undefined ? undefined : `${maxAge}s`,
    unmatchedPreflights: 'ignore',
  };
}

/** `*` stands for any number of labels. */
function patternOf(origin: string): string {
  return origin
    .split('*')
    .map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^/]*');
}
