/** Rules of a VirtualService. */
import type {
  CorsDocument,
  FaultDocument,
  HeadersDocument,
  RetriesDocument,
  RuleDocument,
  ShareDocument,
} from '../mesh-document.ts';
import { type MatchContext, translateMatch } from './match.ts';
import type {
  DestinationSpec,
  HeadersSpec,
  HttpRouteSpec,
  IstioObject,
  PercentSpec,
  RouteDestinationSpec,
  VirtualServiceSpec,
} from './objects.ts';

/** What a rule looks up and reports. */
export interface RuleContext extends MatchContext {
  /** A host as a destination of mesh.yaml; `null`, and noted, where there is none. */
  readonly destination: (destination: DestinationSpec) => string | null;
}

/** The rules that a VirtualService has for calls from one entry point: `mesh` or a Gateway's name. */
export function translateRules(object: IstioObject, entry: string, context: RuleContext): RuleDocument[] {
  const { http = [] } = object.spec as VirtualServiceSpec;
  return http.flatMap((rule, index) => {
    const match = rule.match?.filter(one => one.gateways === undefined || one.gateways.includes(entry));
    if (rule.match !== undefined && rule.match.length > 0 && match?.length === 0) return [];
    const translated = translateHttpRule(match === undefined ? rule : { ...rule, match }, context);
    return translated === null ? [] : [{ name: rule.name ?? `${object.metadata.name}[${index}]`, ...translated }];
  });
}

/** One rule; `null`: no request can match it. */
function translateHttpRule(spec: HttpRouteSpec, context: RuleContext): RuleDocument | null {
  const { match = [], route = [], headers, timeout, delegate } = spec;
  if (delegate !== undefined) {
    context.note('`delegate` is left out: write the rules in one list');
    return null;
  }
  const matches = match.map(one => translateMatch(one, context)).filter(one => one !== null);
  if (match.length > 0 && matches.length === 0) return null;
  // An alternative that asks for nothing takes everything.
  const open = matches.some(one => Object.values(one).every(part => part === undefined));
  return {
    match: matches.length === 0 || open ? undefined : matches,
    ...actionOf(spec, route, context),
    rewrite: rewriteOf(spec),
    headers: headersOf(headers),
    cors: corsOf(spec.corsPolicy),
    mirror: mirrorsOf(spec, context),
    fault: faultsOf(spec.fault),
    timeout: timeout === undefined || /^0+[a-z]+$/.test(timeout) ? undefined : timeout,
    retries: retriesOf(spec.retries),
  };
}

function actionOf(spec: HttpRouteSpec, route: readonly RouteDestinationSpec[], context: RuleContext): RuleDocument {
  const { redirect, directResponse } = spec;
  if (directResponse !== undefined) return { respond: { status: directResponse.status, body: directResponse.body?.string } };
  if (redirect === undefined) return translateSplit(route, context);
  const { uri, authority, scheme, port, redirectCode = 301, derivePort } = redirect;
  // The port of the listener is the one that the caller dialled, which is what is kept where nothing is said.
  if (derivePort !== undefined && derivePort !== 'FROM_REQUEST_PORT') context.note(`derivePort ${derivePort} is left out`);
  const [host, writtenPort] = authority?.split(':') ?? [];
  const ports = { port: port ?? (writtenPort === undefined ? undefined : Number(writtenPort)) };
  return { redirect: { status: redirectCode, scheme, host, ...ports, path: uri } };
}

/** Shares by weight; a lone destination's weight does not count. */
export function translateSplit(route: readonly RouteDestinationSpec[], context: RuleContext): RuleDocument {
  const shares = new Map<string, ShareDocument>();
  for (const { destination, weight = 0, headers } of route) {
    const to = context.destination(destination);
    if (to === null) continue;
    const before = shares.get(to);
    if (before !== undefined && headers !== undefined)
      context.note(`${to} is there twice: the headers of one share are left out`);
    shares.set(to, {
      weight: (before?.weight ?? 0) + (route.length === 1 ? 1 : weight),
      headers: before?.headers ?? headersOf(headers),
    });
  }
  const [first] = shares;
  // Envoy answers 503 for a cluster that it does not know.
  if (first === undefined) return { respond: { status: 503 } };
  if (shares.size === 1 && first[1].headers === undefined) return { to: first[0] };
  return {
    split: Object.fromEntries([...shares].map(([to, share]) => [to, share.headers === undefined ? share.weight : share])),
  };
}

/** `:authority` is the host. */
function headersOf(spec: HeadersSpec | undefined): HeadersDocument | undefined {
  if (spec === undefined) return undefined;
  const named = (values: Readonly<Record<string, string>> | undefined) =>
    values === undefined
      ? undefined
      : Object.fromEntries(
          Object.entries(values).map(([name, value]) => [name === ':authority' ? 'host' : name.toLowerCase(), value]),
        );
  const edits = (one: HeadersSpec['request']) =>
    one === undefined ? undefined : { set: named(one.set), add: named(one.add), remove: one.remove };
  return { request: edits(spec.request), response: edits(spec.response) };
}

function rewriteOf({ rewrite, match = [] }: HttpRouteSpec): RuleDocument['rewrite'] {
  if (rewrite === undefined) return undefined;
  const { uri, authority: host, uriRegexRewrite } = rewrite;
  if (uriRegexRewrite !== undefined) return { host, regex: uriRegexRewrite.match, with: uriRegexRewrite.rewrite };
  if (uri === undefined) return { host };
  // A prefix is replaced by the text; anything else whole.
  return match.some(one => one.uri?.prefix !== undefined) ? { host, prefix: uri } : { host, path: uri };
}

/** Nothing said is nothing injected. */
function percentOf(percentage: PercentSpec | undefined, unset: number): string {
  return `${percentage === undefined ? unset : (percentage.value ?? 0)}%`;
}

function faultsOf(fault: HttpRouteSpec['fault']): FaultDocument[] | undefined {
  const { delay, abort } = fault ?? {};
  const faults: FaultDocument[] = [];
  if (delay?.fixedDelay !== undefined) faults.push({ delay: delay.fixedDelay, percent: percentOf(delay.percentage, 0) });
  if (abort !== undefined) {
    const what = abort.grpcStatus === undefined ? (abort.httpStatus ?? 503) : { grpc: abort.grpcStatus };
    faults.push({ abort: what, percent: percentOf(abort.percentage, 0) });
  }
  return faults.length === 0 ? undefined : faults;
}

function mirrorsOf({ mirror, mirrorPercentage, mirrors = [] }: HttpRouteSpec, context: RuleContext): RuleDocument['mirror'] {
  const all = [...(mirror === undefined ? [] : [{ destination: mirror, percentage: mirrorPercentage }]), ...mirrors];
  const found = all.flatMap(({ destination, percentage }) => {
    const to = context.destination(destination);
    return to === null ? [] : [{ to, percent: percentOf(percentage, 100) }];
  });
  return found.length === 0 ? undefined : found;
}

function corsOf(policy: HttpRouteSpec['corsPolicy']): CorsDocument | undefined {
  if (policy === undefined) return undefined;
  const { allowOrigins = [], unmatchedPreflights } = policy;
  return {
    origins: allowOrigins.map(({ exact, prefix, regex }) => {
      if (prefix !== undefined) return { prefix };
      if (regex !== undefined) return { regex };
      // What is no origin in full is compared as the text that it is.
      return exact === '*' || exact?.includes('://') ? exact : { regex: (exact ?? '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&') };
    }),
    methods: policy.allowMethods,
    headers: policy.allowHeaders,
    expose: policy.exposeHeaders,
    maxAge: policy.maxAge,
    credentials: policy.allowCredentials,
    unmatchedPreflights: unmatchedPreflights === 'IGNORE' ? 'ignore' : 'forward',
  };
}

/** Status codes among the conditions are retriable ones. */
function retriesOf(retries: HttpRouteSpec['retries']): RetriesDocument | undefined {
  if (retries === undefined) return undefined;
  const { attempts = 2, perTryTimeout, retryOn, backoff } = retries;
  if (attempts === 0) return { attempts };
  const words = (retryOn ?? 'connect-failure,refused-stream,unavailable,cancelled').split(',').map(word => word.trim());
  const codes = words.filter(word => /^\d{3}$/.test(word)).map(Number);
  const on = words.filter(
    word => !/^\d{3}$/.test(word) && word !== '' && (word !== 'retriable-status-codes' || codes.length > 0),
  );
  return { attempts, on, codes: codes.length > 0 ? codes : undefined, perTry: perTryTimeout, backoff };
}
