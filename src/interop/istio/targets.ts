/** Which services and gateways of ours an Istio object is about. */
import type { GatewaySpec, IstioObject } from './objects.ts';
import type { TargetRefSpec, TargetSpec } from './security-objects.ts';

/** Names of services and gateways; `null`: all. */
export type Targets = readonly string[] | null;

/** How namespaces, labels and names lead to ours. */
export interface TargetLookup {
  readonly rootNamespace: string;
  /** Services of a namespace; `null`: all. */
  readonly inNamespace: (namespace: string) => Targets;
  /** Services whose workloads carry the labels; `null`: that is not known. */
  readonly withLabels: (labels: Readonly<Record<string, string>>) => readonly string[] | null;
  readonly service: (host: string) => string | null;
  /** Nothing but raw TCP. */
  readonly speaksTcp: (service: string) => boolean;
  /** Gateways of ours that a Gateway became, by its name. */
  readonly gateways: ReadonlyMap<string, readonly string[]>;
  readonly objects: readonly IstioObject[];
}

/** Whether the object is in the namespace that speaks for the whole mesh. */
export function isMeshWide({ metadata }: IstioObject, { rootNamespace }: Pick<TargetLookup, 'rootNamespace'>): boolean {
  return metadata.namespace === rootNamespace;
}

/** Labels that the object's workloads carry; `null`: it is about all workloads of its namespace. */
export function labelsOf({ selector }: TargetSpec): Readonly<Record<string, string>> | null {
  const labels = selector?.matchLabels ?? {};
  return Object.keys(labels).length === 0 ? null : labels;
}

/** What the object is about; `undefined`: it is not known whose labels those are. */
export function targetsOf(object: IstioObject, lookup: TargetLookup): Targets | undefined {
  const { metadata } = object;
  const spec = (object.spec ?? {}) as TargetSpec;
  const refs = [...(spec.targetRefs ?? []), ...(spec.targetRef === undefined ? [] : [spec.targetRef])];
  if (refs.length > 0) return refs.flatMap(ref => namedBy(ref, lookup));
  const all = isMeshWide(object, lookup) ? null : lookup.inNamespace(metadata.namespace ?? 'default');
  const labels = labelsOf(spec);
  if (labels === null) return all;
  const edges = gatewaysWith(labels, lookup);
  if (edges.length > 0) return edges;
  const carrying = lookup.withLabels(labels);
  if (carrying === null) return undefined;
  return all === null ? carrying : carrying.filter(name => all.includes(name));
}

function namedBy({ kind, name }: TargetRefSpec, { service, gateways }: TargetLookup): readonly string[] {
  if (kind === 'Gateway') return gateways.get(name) ?? [];
  const found = service(name);
  return found === null ? [] : [found];
}

/** Istio's own gateways carry `app: istio-ingressgateway` beside the label that Gateways choose them by. */
function gatewaysWith(labels: Readonly<Record<string, string>>, { objects, gateways }: TargetLookup): readonly string[] {
  return objects.flatMap(({ kind, metadata, spec }) => {
    if (kind !== 'Gateway') return [];
    const { selector = {} } = spec as GatewaySpec;
    const carried: Readonly<Record<string, string>> =
      selector.istio === undefined ? selector : { app: `istio-${selector.istio}`, ...selector };
    return Object.entries(labels).every(([name, value]) => carried[name] === value) ? (gateways.get(metadata.name) ?? []) : [];
  });
}
