/**
 * Gateway API objects as mesh.yaml: Gateway and ListenerSet become `gateways`, HTTPRoute and GRPCRoute their rules or (with a Service as parent)
 * `routes`, TLSRoute and TCPRoute rules of `tls` and `tcp` gateways. Our rules are tried in the order of the list, so the precedence of the
 * Gateway API is worked out here. Pure: the same objects give the same document.
 */
import type { GatewayDocument, RuleDocument, Translation, TranslationNote } from '../mesh-document.ts';
import { type Attachment, attach, compareRoutes, granted, type Listener, listenersOf } from './attachment.ts';
import type { FilterContext } from './filters.ts';
import { compareHosts, covers } from './hostname.ts';
import { compareMatches } from './match.ts';
import { describe, type KubeObject, namespaceOf, type RouteMatchSpec, type RouteRuleSpec, type RouteSpec } from './objects.ts';
import { forward, translateRule } from './rules.ts';

/** What the objects alone do not say. */
export interface GatewayApiOptions {
  /** A Service as a destination of mesh.yaml (`reviews`, `reviews/v1:9080`); `null`: there is none. @default its name, with the port */
  readonly destination?: (service: {
    readonly namespace: string;
    readonly name: string;
    readonly port: number | undefined;
  }) => string | null;
  /** Port on this machine for a Gateway's port. @default the same */
  readonly hostPort?: (gateway: string, port: number) => number;
  /** Port that a Service's app listens on. @default the same */
  readonly targetPort?: (service: string, port: number) => number;
  /** Services whose calls a route of that namespace is for, where its parent is a Service of another namespace. */
  readonly callersIn?: (namespace: string) => readonly string[];
}

/** A rule on its way to its place. */
interface Entry {
  readonly host: string;
  readonly listenerHost: string;
  readonly match: RouteMatchSpec;
  readonly route: KubeObject;
  readonly place: number;
  readonly rule: RuleDocument;
}

const known = new Set([
  'Gateway',
  'ListenerSet',
  'HTTPRoute',
  'GRPCRoute',
  'TLSRoute',
  'TCPRoute',
  'ReferenceGrant',
  'GatewayClass',
]);

/** Translates all objects together: they refer to each other. */
export function translateGatewayApi(objects: readonly KubeObject[], options: GatewayApiOptions = {}): Translation {
  const notes: TranslationNote[] = [];
  const note = (object: KubeObject, message: string, code: TranslationNote['code'] = 'no-equivalent'): void => {
    notes.push({ code, object: describe(object), message });
  };
  for (const object of objects) if (!known.has(object.kind)) note(object, 'objects of this kind are left out');

  const contextOf = (route: KubeObject): FilterContext => ({
    destination: ({ name, namespace = namespaceOf(route), port }) => {
      const found =
        options.destination ?? (service => (service.port === undefined ? service.name : `${service.name}:${service.port}`));
      const written = granted(route, namespace, name, objects) ? found({ namespace, name, port }) : null;
      if (written === null)
        note(route, `Service ${namespace}/${name} is not there, or no ReferenceGrant lets the route use it`, 'unknown-reference');
      return written;
    },
    note: message => note(route, message),
  });

  const listeners = listenersOf(objects);
  const attachments = objects
    .filter(object => object.kind.endsWith('Route'))
    .flatMap(route => attach(route, listeners, message => note(route, message, 'unknown-reference')));

  const gateways: Record<string, GatewayDocument> = {};
  for (const [name, group] of portsOf(listeners)) {
    const [first] = group;
    if (first === undefined) continue;
    const mine = attachments.filter(({ listener }) => group.includes(listener));
    const port = options.hostPort?.(first.gateway.metadata.name, first.port) ?? first.port;
    const gateway = gatewayOf(first, group, mine, contextOf);
    if (gateway === null)
      note(first.owner, `listener ${first.name} (${first.protocol}, ${first.tls?.mode ?? 'Terminate'}) is left out`);
    else gateways[name] = { port, ...gateway };
    if (first.protocol === 'HTTPS') note(first.owner, 'the certificate is issued by the CA of the mesh', 'changed');
  }
  return { document: { gateways, routes: serviceRoutes(objects, options, contextOf) }, notes };
}

/** Listeners that share a port, by the name of our gateway: that of the Gateway, with the port where it has several. */
function portsOf(listeners: readonly Listener[]): Map<string, Listener[]> {
  const ports = new Map<string, Listener[]>();
  for (const listener of listeners) {
    const siblings = listeners.filter(other => other.gateway === listener.gateway);
    const several = siblings.some(other => other.port !== listener.port);
    const key = several ? `${listener.gateway.metadata.name}-${listener.port}` : listener.gateway.metadata.name;
    ports.set(key, [...(ports.get(key) ?? []), listener]);
  }
  return ports;
}

type ContextOf = (route: KubeObject) => FilterContext;

/** `null`: there is nothing like it. */
function gatewayOf(
  first: Listener,
  group: readonly Listener[],
  attachments: readonly Attachment[],
  contextOf: ContextOf,
): Omit<GatewayDocument, 'port'> | null {
  const { protocol, tls } = first;
  if (protocol === 'HTTP' || protocol === 'HTTPS')
    return { ...(protocol === 'HTTPS' ? { tls: true as const } : {}), routes: httpRules(group, attachments, contextOf) };
  if (protocol === 'TLS' && tls?.mode === 'Passthrough') return { protocol: 'tls', routes: opaqueRules(attachments, contextOf) };
  if (protocol === 'TCP')
    return { protocol: 'tcp', routes: opaqueRules(attachments, contextOf).map(({ hosts: _, ...rule }) => rule) };
  return null;
}

/** The rules of one port: the most exact listener first, as a request belongs to it alone. */
function httpRules(group: readonly Listener[], attachments: readonly Attachment[], contextOf: ContextOf): RuleDocument[] {
  const entries = attachments.flatMap(({ listener, route, hosts }) =>
    hosts.flatMap(host =>
      entriesOf(route, contextOf(route)).map(entry => ({ ...entry, host, listenerHost: listener.hostname ?? '' })),
    ),
  );
  const listenerHosts = [...new Set(group.map(listener => listener.hostname ?? ''))].sort(compareHosts);
  const rules = listenerHosts.flatMap(listenerHost => {
    const mine = entries.filter(entry => entry.listenerHost === listenerHost).sort(compareEntries);
    // What a listener does not route is not found, even where a wider one would route it.
    const narrow = listenerHosts.some(other => other !== listenerHost && covers(other, listenerHost));
    const rest: RuleDocument[] = narrow
      ? [{ name: `no route for ${listenerHost}`, ...hostsOf(listenerHost), respond: { status: 404 } }]
      : [];
    return [...mine.map(entry => ({ ...entry.rule, ...hostsOf(entry.host) })), ...rest];
  });
  return unique(rules.length > 0 ? rules : [{ name: 'no routes', respond: { status: 404 } }]);
}

function opaqueRules(attachments: readonly Attachment[], contextOf: ContextOf): RuleDocument[] {
  const entries = attachments.flatMap(({ route, hosts }) =>
    hosts.flatMap(host =>
      ((route.spec as RouteSpec).rules ?? []).map(({ backendRefs = [] }) => ({
        host,
        rule: { name: route.metadata.name, ...hostsOf(host), ...forward(backendRefs, contextOf(route)) },
      })),
    ),
  );
  // Where no backend is there, nobody is asked: the connection is closed.
  const led = entries.sort((a, b) => compareHosts(a.host, b.host)).filter(({ rule }) => rule.respond === undefined);
  return unique(led.map(({ rule }) => rule));
}

/** Rules of services: HTTPRoutes and GRPCRoutes whose parent is a Service. */
function serviceRoutes(
  objects: readonly KubeObject[],
  options: GatewayApiOptions,
  contextOf: ContextOf,
): Record<string, RuleDocument[]> {
  const entries = new Map<string, Entry[]>();
  for (const route of objects) {
    if (route.kind !== 'HTTPRoute' && route.kind !== 'GRPCRoute') continue;
    for (const parent of (route.spec as RouteSpec).parentRefs ?? []) {
      if (parent.kind !== 'Service') continue;
      const namespace = parent.namespace ?? namespaceOf(route);
      const service =
        options.destination === undefined ? parent.name : options.destination({ namespace, name: parent.name, port: undefined });
      if (service === null) continue;
      const away = namespace !== namespaceOf(route);
      const limits = {
        ports: parent.port === undefined ? undefined : [options.targetPort?.(service, parent.port) ?? parent.port],
        from: away ? options.callersIn?.(namespaceOf(route)) : undefined,
      };
      const limited = limits.ports !== undefined || limits.from !== undefined;
      const mine = entriesOf(route, contextOf(route)).map(entry => ({
        ...entry,
        rule: limited ? { ...entry.rule, match: (entry.rule.match ?? [{}]).map(match => ({ ...match, ...limits })) } : entry.rule,
      }));
      entries.set(service, [...(entries.get(service) ?? []), ...mine]);
      // Other callers keep the service as it is.
      if (away) entries.set(service, [...(entries.get(service) ?? []), ...everybodyElse(route, service)]);
    }
  }
  return Object.fromEntries(
    [...entries].map(([service, rules]) => [service, unique(rules.sort(compareEntries).map(({ rule }) => rule))]),
  );
}

function everybodyElse(route: KubeObject, service: string): Entry[] {
  const rule = { name: `${service} for others`, to: service };
  return [{ host: '', listenerHost: '', match: {}, route, place: Number.MAX_SAFE_INTEGER, rule }];
}

function entriesOf(route: KubeObject, context: FilterContext): Entry[] {
  const rules: readonly RouteRuleSpec[] = (route.spec as RouteSpec).rules ?? [];
  return rules.flatMap((rule, index) =>
    (rule.matches === undefined || rule.matches.length === 0 ? [{}] : rule.matches).map((match, alternative) => ({
      host: '',
      listenerHost: '',
      match,
      route,
      place: index * 1000 + alternative,
      rule: { name: `${route.metadata.name}/${rule.name ?? index}`, ...translateRule(rule, match, context) },
    })),
  );
}

function compareEntries(a: Entry, b: Entry): number {
  return compareHosts(a.host, b.host) || compareMatches(a.match, b.match) || compareRoutes(a.route, b.route) || a.place - b.place;
}

function hostsOf(host: string): { readonly hosts?: readonly string[] } {
  return host === '' ? {} : { hosts: [host] };
}

/** Names tell rules apart in logs; the second of a name gets a number. */
function unique(rules: readonly RuleDocument[]): RuleDocument[] {
  const seen = new Map<string, number>();
  return rules.map(rule => {
    const name = rule.name ?? 'rule';
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? rule : { ...rule, name: `${name} ${count}` };
  });
}
