/** The condensed fixtures of the corpus as the Gateway API objects that they stand for. */
import type { FilterSpec, KubeObject, ListenerSpec, NamedValue, RouteMatchSpec } from '../../src/interop/gateway-api/objects.ts';

interface Named {
  readonly name: string;
  readonly namespace: string;
}
interface Condition {
  readonly kind: 'exact' | 'prefix' | 'regex';
  readonly value: string;
}
interface FixtureFilter {
  readonly allowOrigins?: readonly string[];
  readonly kind: 'requestHeaders' | 'responseHeaders' | 'redirect' | 'rewrite' | 'mirror' | 'cors';
  readonly set?: readonly NamedValue[];
  readonly add?: readonly NamedValue[];
  readonly remove?: readonly string[];
  readonly status?: number;
  readonly scheme?: string;
  readonly host?: string;
  readonly port?: number;
  readonly path?: { readonly replaceFull?: string; readonly replacePrefix?: string };
  readonly backend?: FixtureBackend;
  readonly percent?: number;
  readonly fraction?: { readonly numerator: number; readonly denominator: number };
}
interface FixtureBackend {
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  readonly weight: number;
  readonly filters?: readonly FixtureFilter[];
}
interface FixtureMatch {
  readonly path?: Condition;
  readonly grpc?: { readonly kind: string; readonly service?: string; readonly method?: string };
  readonly method?: string;
  readonly headers?: readonly (Condition & { readonly name: string })[];
  readonly query?: readonly (Condition & { readonly name: string })[];
}
/** A fixture of gateway-api.json. */
export interface Fixture {
  readonly listeners: readonly (ListenerSpec & {
    readonly gateway: string;
    readonly namespace: string;
    readonly routesFrom: string;
  })[];
  readonly listenerSets?: readonly (Named & { readonly parent: Named; readonly listeners: readonly ListenerSpec[] })[];
  readonly referenceGrants?: readonly (Named & { readonly from: unknown; readonly to: unknown })[];
  readonly routes: readonly (Named & {
    readonly protocol: 'http' | 'grpc' | 'tls';
    readonly attach: readonly {
      readonly gateway?: string;
      readonly listenerset?: string;
      readonly service?: string;
      readonly namespace: string;
      readonly listener?: string;
      readonly port?: number;
    }[];
    readonly hosts?: readonly string[];
    readonly rules: readonly {
      readonly name?: string;
      readonly matches?: readonly FixtureMatch[];
      readonly filters?: readonly FixtureFilter[];
      readonly backends: readonly FixtureBackend[];
      readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
      readonly retry?: { readonly codes?: readonly number[]; readonly attempts?: number };
    }[];
  })[];
}

const kinds = { http: 'HTTPRoute', grpc: 'GRPCRoute', tls: 'TLSRoute' } as const;
const types = { exact: 'Exact', prefix: 'PathPrefix', regex: 'RegularExpression' } as const;

/** What a user would have written. */
export function objectsOf(fixture: Fixture): KubeObject[] {
  const gateways = new Map<string, Fixture['listeners'][number][]>();
  for (const listener of fixture.listeners) {
    const key = `${listener.namespace}/${listener.gateway}`;
    gateways.set(key, [...(gateways.get(key) ?? []), listener]);
  }
  return [
    ...[...gateways.values()].map(listeners => ({
      kind: 'Gateway',
      metadata: { name: listeners[0]?.gateway ?? '', namespace: listeners[0]?.namespace ?? '' },
      spec: {
        listeners: listeners.map(({ gateway: _, namespace: __, routesFrom, ...listener }) => ({
          ...listener,
          allowedRoutes: { namespaces: { from: routesFrom } },
        })),
      },
    })),
    ...(fixture.listenerSets ?? []).map(({ name, namespace, parent, listeners }) => ({
      kind: 'ListenerSet',
      metadata: { name, namespace },
      spec: { parentRef: parent, listeners },
    })),
    ...(fixture.referenceGrants ?? []).map(({ name, namespace, from, to }) => ({
      kind: 'ReferenceGrant',
      metadata: { name, namespace },
      spec: { from, to },
    })),
    ...fixture.routes.map(({ name, namespace, protocol, attach, hosts, rules }) => ({
      kind: kinds[protocol],
      metadata: { name, namespace },
      spec: {
        parentRefs: attach.map(({ gateway, listenerset, service, namespace, listener, port }) => ({
          kind: service !== undefined ? 'Service' : listenerset !== undefined ? 'ListenerSet' : 'Gateway',
          name: service ?? listenerset ?? gateway,
          namespace,
          ...(listener === undefined ? {} : { sectionName: listener }),
          ...(port === undefined ? {} : { port }),
        })),
        ...(hosts === undefined ? {} : { hostnames: hosts }),
        rules: rules.map(({ matches, filters, backends, ...rest }) => ({
          ...rest,
          ...(matches === undefined ? {} : { matches: matches.map(matchOf) }),
          ...(filters === undefined ? {} : { filters: filters.map(filterOf) }),
          backendRefs: backends.map(({ service, filters, ...backend }) => ({
            ...backend,
            name: service,
            ...(filters === undefined ? {} : { filters: filters.map(filterOf) }),
          })),
        })),
      },
    })),
  ];
}

function matchOf({ path, grpc, method, headers, query }: FixtureMatch): RouteMatchSpec {
  const named = (values: FixtureMatch['headers']): NamedValue[] | undefined =>
    values?.map(({ name, kind, value }) => ({ name, value, type: types[kind] }));
  return {
    ...(path === undefined ? {} : { path: { type: types[path.kind], value: path.value } }),
    ...(grpc === undefined ? {} : { method: { ...grpc, type: grpc.kind === 'regex' ? 'RegularExpression' : 'Exact' } }),
    ...(method === undefined ? {} : { method }),
    ...(headers === undefined ? {} : { headers: named(headers) ?? [] }),
    ...(query === undefined ? {} : { queryParams: named(query) ?? [] }),
  };
}

function filterOf({ kind, ...filter }: FixtureFilter): FilterSpec {
  const { host, path, status, scheme, port, backend, percent, fraction } = filter;
  const changed = path && {
    path:
      path.replaceFull === undefined
        ? { type: 'ReplacePrefixMatch', replacePrefixMatch: path.replacePrefix ?? '' }
        : { type: 'ReplaceFullPath', replaceFullPath: path.replaceFull },
  };
  const hostname = host === undefined ? {} : { hostname: host };
  switch (kind) {
    case 'requestHeaders':
      return { type: 'RequestHeaderModifier', requestHeaderModifier: filter };
    case 'responseHeaders':
      return { type: 'ResponseHeaderModifier', responseHeaderModifier: filter };
    case 'cors':
      return { type: 'CORS', cors: filter };
    case 'rewrite':
      return { type: 'URLRewrite', urlRewrite: { ...hostname, ...changed } };
    case 'redirect': {
      const parts = {
        ...(scheme === undefined ? {} : { scheme }),
        ...(port === undefined ? {} : { port }),
        ...hostname,
        ...changed,
      };
      return { type: 'RequestRedirect', requestRedirect: { ...parts, statusCode: status ?? 302 } };
    }
    case 'mirror': {
      const { service = '', ...reference } = backend ?? {};
      const share = { ...(percent === undefined ? {} : { percent }), ...(fraction === undefined ? {} : { fraction }) };
      return { type: 'RequestMirror', requestMirror: { backendRef: { ...reference, name: service }, ...share } };
    }
  }
}
