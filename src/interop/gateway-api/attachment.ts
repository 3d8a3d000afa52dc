/** Which routes belong to which listeners, and under which hosts. */
import { intersect } from './hostname.ts';
import {
  describe,
  type GatewaySpec,
  type KubeObject,
  type ListenerSetSpec,
  type ListenerSpec,
  namespaceOf,
  type ParentReference,
  type ReferenceGrantSpec,
  type RouteSpec,
} from './objects.ts';

/** A listener with the Gateway that it opens a port on, and the object that says so. */
export interface Listener extends ListenerSpec {
  readonly gateway: KubeObject;
  readonly owner: KubeObject;
}

/** A route on a listener. */
export interface Attachment {
  readonly listener: Listener;
  readonly route: KubeObject;
  /** `''`: any. */
  readonly hosts: readonly string[];
}

/** Listeners of all Gateways and of the ListenerSets that belong to them. */
export function listenersOf(objects: readonly KubeObject[]): Listener[] {
  return objects.flatMap(owner => {
    if (owner.kind !== 'Gateway' && owner.kind !== 'ListenerSet') return [];
    const { listeners } = owner.spec as GatewaySpec | ListenerSetSpec;
    const parent = owner.kind === 'Gateway' ? owner : parentGateway(owner, objects);
    return parent === undefined ? [] : listeners.map(listener => ({ ...listener, gateway: parent, owner }));
  });
}

function parentGateway(set: KubeObject, objects: readonly KubeObject[]): KubeObject | undefined {
  const { parentRef } = set.spec as ListenerSetSpec;
  const namespace = parentRef.namespace ?? namespaceOf(set);
  return objects.find(one => one.kind === 'Gateway' && one.metadata.name === parentRef.name && namespaceOf(one) === namespace);
}

const routesOf: Readonly<Record<string, readonly string[]>> = {
  HTTP: ['HTTPRoute', 'GRPCRoute'],
  HTTPS: ['HTTPRoute', 'GRPCRoute'],
  TLS: ['TLSRoute', 'TCPRoute'],
  TCP: ['TCPRoute'],
};

/** Attachments of one route. A parent that takes it nowhere is told with `note`. */
export function attach(route: KubeObject, listeners: readonly Listener[], note: (message: string) => void): Attachment[] {
  const { parentRefs = [], hostnames = [] } = route.spec as RouteSpec;
  return parentRefs.filter(isListenerParent).flatMap(parent => {
    const found = listeners
      .filter(listener => isParent(parent, listener, route))
      .flatMap((listener): Attachment[] => {
        if (!(routesOf[listener.protocol] ?? []).includes(route.kind) || !admits(listener, route)) return [];
        const own = listener.hostname ?? '';
        const wanted = hostnames.length === 0 ? [''] : hostnames.map(host => host.toLowerCase());
        const hosts = wanted.map(host => intersect(own, host)).filter(host => host !== null);
        return hosts.length === 0 ? [] : [{ listener, route, hosts: [...new Set(hosts)] }];
      });
    if (found.length === 0) note(`no listener of ${parent.kind ?? 'Gateway'} ${parent.name} takes the route`);
    return found;
  });
}

function isListenerParent(parent: ParentReference): boolean {
  return (parent.kind ?? 'Gateway') !== 'Service';
}

function isParent(parent: ParentReference, listener: Listener, route: KubeObject): boolean {
  return (
    (parent.kind ?? 'Gateway') === listener.owner.kind &&
    parent.name === listener.owner.metadata.name &&
    (parent.namespace ?? namespaceOf(route)) === namespaceOf(listener.owner) &&
    (parent.sectionName ?? listener.name) === listener.name &&
    (parent.port ?? listener.port) === listener.port
  );
}

/** Labels of namespaces are not known, so a selector admits all. */
function admits({ allowedRoutes, owner }: Listener, route: KubeObject): boolean {
  const from = allowedRoutes?.namespaces?.from ?? 'Same';
  return from !== 'None' && (from !== 'Same' || namespaceOf(owner) === namespaceOf(route));
}

/** Whether `route` may name a Service of another namespace. */
export function granted(route: KubeObject, namespace: string, service: string, objects: readonly KubeObject[]): boolean {
  if (namespace === namespaceOf(route)) return true;
  // A consumer's route may lead to the very Service that it is for.
  const own = ((route.spec as RouteSpec).parentRefs ?? []).filter(parent => parent.kind === 'Service');
  if (own.some(parent => parent.name === service && (parent.namespace ?? namespaceOf(route)) === namespace)) return true;
  return objects.some(one => {
    if (one.kind !== 'ReferenceGrant' || namespaceOf(one) !== namespace) return false;
    const { from, to } = one.spec as ReferenceGrantSpec;
    return (
      from.some(
        ({ group, kind, namespace: home }) =>
          group === 'gateway.networking.k8s.io' && kind === route.kind && home === namespaceOf(route),
      ) && to.some(({ group, kind, name = service }) => group === '' && kind === 'Service' && name === service)
    );
  });
}

/** Older first, then by name. */
export function compareRoutes(a: KubeObject, b: KubeObject): number {
  const born = (one: KubeObject): string => one.metadata.creationTimestamp ?? '';
  return compare(born(a), born(b)) || compare(describe(a), describe(b));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
