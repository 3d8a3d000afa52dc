/**
 * Istio's objects as mesh.yaml: VirtualService becomes `routes` and rules of `gateways`, Gateway `gateways`, DestinationRule the policy
 * of a service, ServiceEntry `external`; those of security are in security.ts. Lists keep their order, as ours are tried in order too. Pure: the same objects give the same document.
 */
import type {
  ExternalDocument,
  GatewayDocument,
  RuleDocument,
  ServiceDocument,
  Translation,
  TranslationNote,
} from '../mesh-document.ts';
import { translateDestinationRule } from './destination-rule.ts';
import {
  type DestinationRuleSpec,
  type DestinationSpec,
  describe,
  type GatewaySpec,
  type IstioObject,
  type ServiceEntrySpec,
  type VirtualServiceSpec,
} from './objects.ts';
import { isEveryHost } from './peer-authentication.ts';
import { type RuleContext, translateHttpRule, translateSplit } from './rule.ts';
import { securityKinds, translateSecurity } from './security.ts';

/** What the objects alone do not say. */
export interface IstioOptions {
  /** Name of the mesh service behind a host; `null`: there is none. @default the host's first label, or the external service of that host */
  readonly service?: (host: string) => string | null;
  /**
   * Port to write for a destination, `undefined` for none. `written` is that of the object, `dialled` the port of the Gateway that the call came to.
   * @default the written one
   */
  readonly destinationPort?: (service: string, written: number | undefined, dialled: number | undefined) => number | undefined;
  /** Name of our gateway. @default the same; `ingress` for `gateway`, which is a reserved name */
  readonly gatewayName?: (name: string) => string;
  /** Port on this machine for a Gateway's port. @default the same */
  readonly hostPort?: (gateway: string, port: number) => number;
  /** Services whose workloads carry the labels. @default the one that `app` names */
  readonly withLabels?: (labels: Readonly<Record<string, string>>) => readonly string[] | null;
  /** Services of a namespace; `null`: all. @default all */
  readonly inNamespace?: (namespace: string) => readonly string[] | null;
  /** Services that speak nothing but raw TCP: their access rules have no conditions on requests. @default none */
  readonly speaksTcp?: (service: string) => boolean;
}

const known = new Set(['VirtualService', 'DestinationRule', 'ServiceEntry', 'Gateway', ...securityKinds]);

/** Translates all objects together: they refer to each other. */
export function translateIstio(objects: readonly IstioObject[], options: IstioOptions = {}): Translation {
  const notes: TranslationNote[] = [];
  const note = (object: IstioObject, message: string, code: TranslationNote['code'] = 'no-equivalent'): void => {
    notes.push({ code, object: describe(object), message });
  };
  for (const object of objects) if (!known.has(object.kind)) note(object, 'objects of this kind are left out');
  const external = externals(objects, note);
  const service = (host: string): string | null => {
    const outside = Object.entries(external).find(([, entry]) => entry.hosts.includes(host));
    return outside?.[0] ?? (options.service ?? firstLabel)(host);
  };
  const withLabels = options.withLabels ?? (labels => (labels.app === undefined ? null : [labels.app]));
  const tokensChecked = objects.some(({ kind }) => kind === 'RequestAuthentication');
  const contextOf: ContextOf = (object, dialled) => ({
    destination: destination =>
      destinationOf(destination, dialled, service, options, message => note(object, message, 'unknown-reference')),
    withLabels,
    tokensChecked,
    note: message => note(object, message),
  });

  const services: Record<string, ServiceDocument> = {};
  const routes: Record<string, RuleDocument[]> = {};
  for (const object of objects) {
    if (object.kind === 'DestinationRule') {
      const spec = object.spec as DestinationRuleSpec;
      const name = service(spec.host);
      if (isEveryHost(spec.host)) notesOfEveryHost(spec, message => note(object, message));
      else if (name === null) note(object, `host ${spec.host} is not there`, 'unknown-reference');
      else {
        const outside = external[name];
        const policy = translateDestinationRule(spec, outside !== undefined, message => note(object, message));
        if (outside === undefined) services[name] = { ...services[name], ...policy };
        else external[name] = { ...outside, ...policy };
      }
    }
    if (object.kind !== 'VirtualService') continue;
    const spec = object.spec as VirtualServiceSpec;
    if (!(spec.gateways ?? ['mesh']).includes('mesh')) continue;
    for (const host of spec.hosts ?? []) {
      const name = service(host);
      if (name === null) note(object, `host ${host} is not there`, 'unknown-reference');
      else if (routes[name] !== undefined) note(object, `host ${host} has rules already: these are left out`, 'changed');
      else routes[name] = rulesOf(object, 'mesh', contextOf(object));
    }
  }
  const edges = gateways(objects, options, contextOf, note);
  const { inNamespace = () => null, speaksTcp = () => false } = options;
  const ours = new Map(objects.map(object => [object.metadata.name, gatewaysOf(object, options).map(([name]) => name)]));
  const security = translateSecurity(objects, { inNamespace, speaksTcp, withLabels, service, gateways: ours }, note);
  for (const [name, policy] of Object.entries(security.services ?? {})) services[name] = { ...services[name], ...policy };
  return { document: { ...security, services, external, routes, gateways: edges }, notes };
}

/** A service has a policy of its own; what every service has is told elsewhere. */
function notesOfEveryHost({ trafficPolicy = {} }: DestinationRuleSpec, note: (message: string) => void): void {
  const { tls, loadBalancer, ...others } = trafficPolicy;
  const balanced = loadBalancer !== undefined && loadBalancer.simple !== 'PASSTHROUGH';
  if (balanced || Object.keys(others).length > 0) note('a policy for all services is left out: write it for each');
  if (tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL')
    note(`tls mode ${tls.mode} is left out: the mesh secures its own services`);
}

function firstLabel(host: string): string {
  return host.split('.')[0] ?? host;
}

/** `dialled`: the port of the Gateway. */
type ContextOf = (object: IstioObject, dialled?: number) => RuleContext;

function destinationOf(
  { host, subset, port }: DestinationSpec,
  dialled: number | undefined,
  service: (host: string) => string | null,
  { destinationPort = (_, written) => written }: IstioOptions,
  note: (message: string) => void,
): string | null {
  const name = service(host);
  if (name === null) note(`host ${host} is not there`);
  if (name === null) return null;
  const version = subset === undefined ? '' : `/${subset}`;
  const number = destinationPort(name, port?.number, dialled);
  return number === undefined ? `${name}${version}` : `${name}${version}:${number}`;
}

/** The rules that a VirtualService has for calls from one entry point: `mesh` or a Gateway's name. */
function rulesOf(object: IstioObject, entry: string, context: RuleContext): RuleDocument[] {
  const { http = [] } = object.spec as VirtualServiceSpec;
  return http.flatMap((rule, index) => {
    const match = rule.match?.filter(one => one.gateways === undefined || one.gateways.includes(entry));
    if (rule.match !== undefined && rule.match.length > 0 && match?.length === 0) return [];
    const translated = translateHttpRule(match === undefined ? rule : { ...rule, match }, context);
    return translated === null ? [] : [{ name: rule.name ?? `${object.metadata.name}[${index}]`, ...translated }];
  });
}

type Note = (object: IstioObject, message: string, code?: TranslationNote['code']) => void;

/** One gateway of ours for each server of a Gateway. */
function gateways(
  objects: readonly IstioObject[],
  options: IstioOptions,
  contextOf: ContextOf,
  note: Note,
): Record<string, GatewayDocument> {
  const found: Record<string, GatewayDocument> = {};
  for (const object of objects) {
    const named = gatewaysOf(object, options);
    for (const [ours, { port, hosts, tls }] of named) {
      const { name } = object.metadata;
      const at: ContextOf = one => contextOf(one, port.number);
      const listens = { port: options.hostPort?.(name, port.number) ?? port.number };
      const mine = objects.filter(one => one.kind === 'VirtualService' && boundTo(one, object));
      if (tls?.httpsRedirect === true) {
        const secure = named.find(([, server]) => server.port.protocol === 'HTTPS');
        if (secure !== undefined) {
          found[ours] = { ...listens, redirectTo: secure[0] };
          continue;
        }
      }
      if (tls?.mode === 'PASSTHROUGH' || port.protocol === 'TLS')
        found[ours] = { ...listens, protocol: 'tls', routes: tlsRules(mine, at) };
      else if (port.protocol === 'TCP') found[ours] = { ...listens, protocol: 'tcp', routes: tcpRules(mine, port.number, at) };
      else {
        const secured = tls !== undefined && port.protocol === 'HTTPS';
        if (secured) note(object, 'the certificate is issued by the CA of the mesh', 'changed');
        found[ours] = { ...listens, ...(secured ? { tls: true as const } : {}), routes: httpRules(mine, name, hosts, at) };
      }
    }
  }
  return found;
}

/** The servers of a Gateway with our names for them; none: it is no Gateway. */
function gatewaysOf(
  { kind, metadata, spec }: IstioObject,
  { gatewayName: name = gatewayName }: IstioOptions,
): readonly (readonly [string, NonNullable<GatewaySpec['servers']>[number]])[] {
  if (kind !== 'Gateway') return [];
  const { servers = [] } = spec as GatewaySpec;
  const named = name(metadata.name);
  return servers.map(server => [servers.length === 1 ? named : `${named}-${server.port.number}`, server]);
}

function gatewayName(name: string): string {
  return name === 'gateway' ? 'ingress' : name;
}

function boundTo({ spec }: IstioObject, gateway: IstioObject): boolean {
  return ((spec as VirtualServiceSpec).gateways ?? []).some(name => name.split('/').at(-1) === gateway.metadata.name);
}

/** Rules of all VirtualServices at the gateway; those that take everything go last. */
function httpRules(
  services: readonly IstioObject[],
  gateway: string,
  serverHosts: readonly string[],
  contextOf: ContextOf,
): RuleDocument[] {
  const open = serverHosts.some(host => host.split('/').at(-1) === '*');
  const rules = services.flatMap(object => {
    const wanted = ((object.spec as VirtualServiceSpec).hosts ?? []).filter(
      host => open || serverHosts.some(own => admits(own, host)),
    );
    if (wanted.length === 0) return [];
    const hosts = wanted.includes('*') ? undefined : wanted;
    return rulesOf(object, gateway, contextOf(object)).map(rule => ({ ...rule, hosts }));
  });
  const ordered = [...rules.filter(rule => rule.match !== undefined), ...rules.filter(rule => rule.match === undefined)];
  return ordered.length === 0 ? [{ name: 'no routes', respond: { status: 404 } }] : ordered;
}

function admits(own: string, host: string): boolean {
  const pattern = own.split('/').at(-1) ?? own;
  return pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
}

function tlsRules(services: readonly IstioObject[], contextOf: ContextOf): RuleDocument[] {
  return services.flatMap(object =>
    ((object.spec as VirtualServiceSpec).tls ?? []).map(({ match, route = [] }, index) => ({
      name: `${object.metadata.name}[${index}]`,
      hosts: [...new Set(match.flatMap(one => one.sniHosts))],
      ...translateSplit(route, contextOf(object)),
    })),
  );
}

function tcpRules(services: readonly IstioObject[], port: number, contextOf: ContextOf): RuleDocument[] {
  return services.flatMap(object =>
    ((object.spec as VirtualServiceSpec).tcp ?? [])
      .filter(({ match = [] }) => match.length === 0 || match.some(one => (one.port ?? port) === port))
      .map(({ route = [] }, index) => ({
        name: `${object.metadata.name}[${index}]`,
        ...translateSplit(route, contextOf(object)),
      })),
  );
}

/** ServiceEntries outside the mesh; each port is an external service of its own. */
function externals(objects: readonly IstioObject[], note: Note): Record<string, ExternalDocument> {
  const found: Record<string, ExternalDocument> = {};
  for (const object of objects) {
    if (object.kind !== 'ServiceEntry') continue;
    const { hosts, ports = [], resolution, endpoints = [], location } = object.spec as ServiceEntrySpec;
    if (location === 'MESH_INTERNAL')
      note(object, 'workloads outside of containers cannot join the mesh: it is an external service', 'changed');
    if (resolution === 'NONE') note(object, 'addresses are asked for instead of kept as the app dialled them', 'changed');
    for (const { number, protocol = 'TCP' } of ports) {
      const name = ports.length === 1 ? object.metadata.name : `${object.metadata.name}-${number}`;
      const addresses = resolution === 'STATIC' ? endpoints.map(endpoint => endpoint.address) : undefined;
      found[name] = { hosts, port: number, protocol: protocolOf(protocol), addresses, tls: originated(hosts, objects) };
    }
  }
  return found;
}

function protocolOf(protocol: string): ExternalDocument['protocol'] {
  if (protocol === 'HTTPS' || protocol === 'TLS') return 'tls';
  return /^(HTTP|GRPC)/.test(protocol) ? 'http' : 'tcp';
}

/** TLS that a DestinationRule starts for the host. */
function originated(hosts: readonly string[], objects: readonly IstioObject[]): ExternalDocument['tls'] {
  const rule = objects.find(one => one.kind === 'DestinationRule' && hosts.includes((one.spec as DestinationRuleSpec).host));
  const tls = (rule?.spec as DestinationRuleSpec | undefined)?.trafficPolicy?.tls;
  if (tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL') return undefined;
  if (tls.sni === undefined && tls.insecureSkipVerify !== true) return true;
  return { serverName: tls.sni, insecure: tls.insecureSkipVerify === true ? true : undefined };
}
