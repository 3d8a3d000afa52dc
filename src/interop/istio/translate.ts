/**
 * Istio's objects as mesh.yaml: VirtualService becomes `routes` and rules of `gateways`, Gateway `gateways`, DestinationRule the policy
 * of a service, ServiceEntry `external`; those of security are in security.ts. Lists keep their order, as ours are tried in order too. Pure: the same objects give the same document.
 */
import type { ExternalDocument, RuleDocument, ServiceDocument, Translation, TranslationNote } from '../mesh-document.ts';
import { translateDestinationRule } from './destination-rule.ts';
import { type ContextOf, gatewayNames, translateGateways } from './gateways.ts';
import { meshSettingsOf } from './mesh-settings.ts';
import {
  type DestinationRuleSpec,
  type DestinationSpec,
  describe,
  type IstioObject,
  type Note,
  type ServiceEntrySpec,
  type VirtualServiceSpec,
} from './objects.ts';
import { isEveryHost } from './peer-authentication.ts';
import { translateRules } from './rule.ts';
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
  const note: Note = (object, message, code = 'no-equivalent') => {
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
      else routes[name] = translateRules(object, 'mesh', contextOf(object));
    }
  }
  const { gatewayName = ownName, hostPort = (_gateway, port) => port, inNamespace = () => null } = options;
  const trustedHops = meshSettingsOf(objects).defaultConfig?.gatewayTopology?.numTrustedProxies;
  const edges = translateGateways(objects, { contextOf, hostPort, gatewayName, trustedHops, note });
  const ours = gatewayNames(objects, { gatewayName });
  const speaksTcp = (name: string): boolean =>
    options.speaksTcp?.(name) === true || ['tcp', 'tls'].includes(edges[name]?.protocol ?? '');
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

/** `gateway` is a reserved name. */
function ownName(name: string): string {
  return name === 'gateway' ? 'ingress' : name;
}

function firstLabel(host: string): string {
  return host.split('.')[0] ?? host;
}

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
