/** Gateways, and the rules that VirtualServices have at them. */
import type { GatewayDocument, RuleDocument } from '../mesh-document.ts';
import type { GatewaySpec, IstioObject, Note, ServerTlsSpec, VirtualServiceSpec } from './objects.ts';
import { type RuleContext, translateRules, translateSplit } from './rule.ts';

/** `dialled`: the port of the Gateway. */
export type ContextOf = (object: IstioObject, dialled?: number) => RuleContext;

/** What gateways look up and report. */
export interface GatewayContext {
  readonly contextOf: ContextOf;
  /** Port on this machine. */
  readonly hostPort: (gateway: string, port: number) => number;
  readonly gatewayName: (name: string) => string;
  /** Proxies in front of them. `undefined`: none. */
  readonly trustedHops: number | undefined;
  readonly note: Note;
}

/** One gateway of ours for each server of a Gateway. */
export function translateGateways(objects: readonly IstioObject[], context: GatewayContext): Record<string, GatewayDocument> {
  const { contextOf, hostPort, trustedHops } = context;
  const found: Record<string, GatewayDocument> = {};
  for (const object of objects) {
    const named = serversOf(object, context);
    for (const [ours, { port, hosts, tls }] of named) {
      const { name } = object.metadata;
      const at: ContextOf = one => contextOf(one, port.number);
      const listens = { port: hostPort(name, port.number) };
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
        const secured = tls !== undefined && port.protocol === 'HTTPS' ? tlsOf(tls, object, context) : undefined;
        found[ours] = { ...listens, trustedHops, tls: secured, routes: httpRules(mine, name, hosts, at) };
      }
    }
  }
  return found;
}

/** The servers of a Gateway with our names for them; none: it is no Gateway. */
function serversOf(
  { kind, metadata, spec }: IstioObject,
  { gatewayName }: Pick<GatewayContext, 'gatewayName'>,
): readonly (readonly [string, NonNullable<GatewaySpec['servers']>[number]])[] {
  if (kind !== 'Gateway') return [];
  const { servers = [] } = spec as GatewaySpec;
  const named = gatewayName(metadata.name);
  return servers.map(server => [servers.length === 1 ? named : `${named}-${server.port.number}`, server]);
}

/** Our gateways by the Gateways that they come from. */
export function gatewayNames(
  objects: readonly IstioObject[],
  naming: Pick<GatewayContext, 'gatewayName'>,
): ReadonlyMap<string, readonly string[]> {
  const all = objects.filter(({ kind }) => kind === 'Gateway');
  return new Map(all.map(object => [object.metadata.name, serversOf(object, naming).map(([name]) => name)]));
}

const versions: Readonly<Record<string, '1.2' | '1.3'>> = { TLSV1_2: '1.2', TLSV1_3: '1.3' };
const clients: Readonly<Record<string, 'required' | 'optional'>> = {
  MUTUAL: 'required',
  ISTIO_MUTUAL: 'required',
  OPTIONAL_MUTUAL: 'optional',
};

function tlsOf(
  { mode = 'SIMPLE', minProtocolVersion }: ServerTlsSpec,
  object: IstioObject,
  { note }: GatewayContext,
): GatewayDocument['tls'] {
  note(object, 'the certificate is issued by the CA of the mesh', 'changed');
  const asked = clients[mode];
  if (asked !== undefined && mode !== 'ISTIO_MUTUAL')
    note(object, 'clients need certificates of the CA of the mesh, or of one that `tls.clients.ca` names', 'changed');
  const minVersion = versions[minProtocolVersion ?? ''];
  return asked === undefined && minVersion === undefined ? true : { minVersion, clients: asked };
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
    return translateRules(object, gateway, contextOf(object)).map(rule => ({ ...rule, hosts }));
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
