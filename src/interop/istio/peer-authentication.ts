/** PeerAuthentications, and the TLS that DestinationRules ask of callers, as `mtls`. */
import type { MtlsDocument, ServiceDocument } from '../mesh-document.ts';
import type { DestinationRuleSpec, IstioObject, Note } from './objects.ts';
import type { MutualTlsSpec, PeerAuthenticationSpec } from './security-objects.ts';
import { isMeshWide, labelsOf, type TargetLookup, targetsOf } from './targets.ts';

const modes: Readonly<Record<string, MtlsDocument>> = {
  STRICT: 'strict',
  PERMISSIVE: 'permissive',
  DISABLE: 'disabled',
};

interface MtlsPlan {
  /** `undefined`: nothing was said of anybody. */
  mesh: MtlsDocument | undefined;
  readonly services: Map<string, { mode: MtlsDocument; readonly ports: Record<number, MtlsDocument> }>;
}

/** Modes of the mesh, and of the services that have one of their own. */
export interface Mtls {
  readonly mtls: MtlsDocument | undefined;
  readonly services: Readonly<Record<string, ServiceDocument>>;
}

/** The workload's own object decides, else its namespace's, else that of the mesh, else Istio's default, permissive; of several on a level the oldest. */
export function translatePeerAuthentications(objects: readonly IstioObject[], lookup: TargetLookup, note: Note): Mtls {
  const plan = serverModes(objects, lookup, note);
  plaintextCallers(objects, plan, lookup, note);
  return {
    mtls: plan.mesh,
    services: Object.fromEntries(
      [...plan.services].map(([name, { mode, ports }]) => [
        name,
        { mtls: Object.keys(ports).length === 0 ? mode : { mode, ports } },
      ]),
    ),
  };
}

function serverModes(objects: readonly IstioObject[], lookup: TargetLookup, note: Note): MtlsPlan {
  const all = objects.filter(({ kind }) => kind === 'PeerAuthentication').sort(byAge);
  const plan: MtlsPlan = { mesh: undefined, services: new Map() };
  if (all.length === 0) return plan;
  const isLevel = (object: IstioObject, meshWide: boolean, selecting: boolean): boolean =>
    isMeshWide(object, lookup) === meshWide && (labelsOf(specOf(object)) !== null) === selecting;
  for (const object of all.filter(one => isLevel(one, true, true)))
    note(object, "an object of the root namespace with a selector is left out, as Istio's own rules have it");

  const wide = all.filter(one => isLevel(one, true, false));
  plan.mesh = modeOf(first(wide, note)?.mtls) ?? 'permissive';
  const namespaces = Map.groupBy(
    all.filter(one => isLevel(one, false, false)),
    ({ metadata }) => metadata.namespace ?? 'default',
  );
  for (const [namespace, level] of namespaces) {
    const mode = modeOf(first(level, note)?.mtls);
    const services = lookup.inNamespace(namespace);
    if (mode === undefined) continue;
    if (services === null) plan.mesh = mode;
    else for (const name of services) plan.services.set(name, { mode, ports: {} });
  }
  const taken = new Set<string>();
  for (const object of all.filter(one => isLevel(one, false, true))) {
    const names = targetsOf(object, lookup);
    if (names === undefined || names === null) note(object, 'it is not known whose labels these are: it is left out');
    for (const name of names ?? []) {
      if (taken.has(name)) note(object, `${name} has an older one: this is left out for it`, 'changed');
      else {
        taken.add(name);
        const { mtls, portLevelMtls = {} } = specOf(object);
        const mode = modeOf(mtls) ?? plan.services.get(name)?.mode ?? plan.mesh;
        const ports = Object.entries(portLevelMtls).map(([port, own]): [string, MtlsDocument] => [port, modeOf(own) ?? mode]);
        plan.services.set(name, { mode, ports: Object.fromEntries(ports.filter(([, own]) => own !== mode)) });
      }
    }
  }
  return plan;
}

/** Here callers are not told what to send: they see what the service takes. Plaintext for all is a service that takes nothing else. */
function plaintextCallers(objects: readonly IstioObject[], plan: MtlsPlan, { service }: TargetLookup, note: Note): void {
  for (const object of objects) {
    if (object.kind !== 'DestinationRule') continue;
    const { host, trafficPolicy } = object.spec as DestinationRuleSpec;
    if (trafficPolicy?.tls?.mode !== 'DISABLE') continue;
    const everywhere = isEveryHost(host);
    const name = everywhere ? null : service(host);
    if (name === null && !everywhere) continue;
    const strict = (name === null ? plan.mesh : (plan.services.get(name)?.mode ?? plan.mesh)) === 'strict';
    if (strict) {
      note(object, 'tls mode DISABLE is left out: who is called refuses plaintext');
      continue;
    }
    note(object, 'tls mode DISABLE is told of who is called: no mTLS from anybody', 'changed');
    if (name !== null) plan.services.set(name, { mode: 'disabled', ports: {} });
    else {
      plan.mesh = 'disabled';
      for (const own of plan.services.values()) if (own.mode === 'permissive') own.mode = 'disabled';
    }
  }
}

/** Whether a DestinationRule's host means every service: `*`, `*.local`. */
export function isEveryHost(host: string): boolean {
  return host === '*' || host === '*.local' || host === '*.svc.cluster.local';
}

/** The oldest, which counts; the others are noted. */
function first(level: readonly IstioObject[], note: Note): PeerAuthenticationSpec | undefined {
  const [oldest, ...others] = level;
  for (const other of others) note(other, 'there is an older one for the same workloads: this is left out', 'changed');
  return oldest === undefined ? undefined : specOf(oldest);
}

function specOf({ spec }: IstioObject): PeerAuthenticationSpec {
  return (spec ?? {}) as PeerAuthenticationSpec;
}

function modeOf(mtls: MutualTlsSpec | undefined): MtlsDocument | undefined {
  return modes[mtls?.mode ?? 'UNSET'];
}

function byAge(one: IstioObject, other: IstioObject): number {
  const age = ({ metadata }: IstioObject): number => Date.parse(metadata.creationTimestamp ?? '') || 0;
  return age(one) - age(other) || (one.metadata.name < other.metadata.name ? -1 : 1);
}
