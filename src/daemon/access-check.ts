import type { AccessCheckDocument, AccessJudgement } from '../api/access.ts';
import { MeshError } from '../api/mesh-error.ts';
import { apiVersion } from '../api/types.ts';
import type { ObservedPod } from '../runtime/runtime.ts';
import type { ExplainRequest } from '../snapshot/explanation.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { ControlPort } from './control-port.ts';
import { explainFor, unknownWorkload } from './explain.ts';

/** Who calls without an identity, on the command line. */
const anonymous = 'nobody';

/** Where a call goes: a cluster of the caller's snapshot, and what is asked there. */
interface Way {
  readonly cluster: string;
  readonly odds: number;
  /** As the called gets it; the empty method: raw TCP. */
  readonly method: string;
  readonly path: string;
  readonly authority: string;
}

/** The part of a `RouteExplanation` that tells where a request goes. */
interface RouteOutcome {
  readonly outcome: {
    readonly rule: string;
    readonly action: {
      readonly kind: 'forward' | 'redirect' | 'respond';
      readonly destinations?: readonly { readonly cluster: string; readonly odds: number }[];
      readonly path?: string;
      readonly authority?: string | null;
    };
  } | null;
}

/**
 * Follows a call by the caller's own rules to every service that it may reach, and asks the sidecars there whether they would let it in. `from`: a service, gateway
 * or workload; a SPIFFE ID; or `nobody`, who come in at a gateway where the URL is one's. Nothing is sent.
 * @throws MeshError `unknown-workload`, `no-config`
 */
export async function checkAccess(
  from: string,
  request: ExplainRequest,
  pods: readonly ObservedPod[],
  control: ControlPort,
): Promise<AccessCheckDocument> {
  const snapshots = control.snapshots();
  const caller = callerOf(from, snapshots, pods);
  const { principal } = caller;
  const answer = { apiVersion, kind: 'AccessCheck', from, principal } as const;
  const edge = caller.known ? null : edgeOf(request, snapshots);
  const entry = edge === null ? null : await atEdge(edge, principal, request, control);
  const first = entry === null ? [] : [entry];
  if (entry?.verdict === 'denied') return { ...answer, note: '', destinations: first };
  // What a gateway calls, it calls in its own name.
  const { snapshot, identity, known } =
    edge === null
      ? { snapshot: caller.snapshot, identity: principal, known: caller.known }
      : { snapshot: edge, identity: edge.identity, known: true };
  const name = edge?.workload ?? from;
  const found = known ? await routed(name, request, snapshot, pods, control) : dialled(request, snapshot, false);
  if (typeof found === 'string') return { ...answer, note: found, destinations: first };
  const asked = await Promise.all(found.map(way => ask(way, identity, request, snapshot, pods, control)));
  const destinations = [...first, ...asked.filter(each => typeof each !== 'string')];
  return { ...answer, note: asked.filter(each => typeof each === 'string').join('; '), destinations };
}

/** The gateway that somebody outside the mesh reaches by a URL. */
function edgeOf({ url }: ExplainRequest, snapshots: readonly Snapshot[]): Snapshot | null {
  const { hostname } = new URL(url);
  if (snapshots.some(({ dns }) => dns.some(({ name }) => name === hostname))) return null;
  return snapshots.find(({ gateway }) => gateway.some(({ port }) => port === portOf(url))) ?? null;
}

/** What the gateway's own rules say of its client. */
async function atEdge(
  { workload, service }: Snapshot,
  principal: string | null,
  { url, method, headers }: ExplainRequest,
  control: ControlPort,
): Promise<AccessJudgement> {
  const { host, pathname, search } = new URL(url);
  const port = portOf(url);
  const call = { principal, port, method, authority: host, path: `${pathname}${search}`, headers };
  const judgement = await control.judge(workload, call);
  if (judgement === null) throw unconfigured(workload);
  return { workload, service, port, odds: 1, ...judgement };
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

function unconfigured(workload: string): MeshError {
  return new MeshError('no-config', `${workload} has no configuration yet`, '`mesh proxy-status` says why');
}

/** Somebody without a sidecar of ours is taken to dial what any sidecar knows. */
function callerOf(
  from: string,
  snapshots: readonly Snapshot[],
  pods: readonly ObservedPod[],
): { readonly snapshot: Snapshot; readonly principal: string | null; readonly known: boolean } {
  const own = snapshots.find(each => each.workload === from) ?? snapshots.find(each => each.service === from);
  if (own !== undefined) return { snapshot: own, principal: own.identity, known: true };
  const witness = snapshots.find(each => each.kind === 'sidecar');
  if (witness === undefined || !(from === anonymous || from.startsWith('spiffe://'))) throw unknownWorkload(from, pods);
  return { snapshot: witness, principal: from === anonymous ? null : from, known: false };
}

/** Where the caller's rules lead, or why they lead nowhere. */
async function routed(
  from: string,
  request: ExplainRequest,
  snapshot: Snapshot,
  pods: readonly ObservedPod[],
  control: ControlPort,
): Promise<readonly Way[] | string> {
  const { route, lines } = await explainFor(from, request, pods, control);
  if (route === null) {
    const raw = dialled(request, snapshot, true);
    return typeof raw === 'string' ? lines.join('; ') : raw;
  }
  const { outcome } = route as RouteOutcome;
  if (outcome === null) return `no rule of ${from} takes the request: it is answered with 404`;
  const { kind, destinations = [], path = '', authority } = outcome.action;
  if (kind !== 'forward') return `rule ${outcome.rule} of ${from} answers by itself (${kind})`;
  return destinations.map(each => ({
    ...each,
    method: request.method,
    path,
    authority: authority ?? new URL(request.url).host,
  }));
}

/** What is behind a name and port, without anybody's rules. */
function dialled({ method, url }: ExplainRequest, { dns, outbound }: Snapshot, raw: boolean): readonly Way[] | string {
  const to = new URL(url);
  const port = portOf(url);
  const address = dns.find(record => record.name === to.hostname.toLowerCase())?.address;
  const listener = outbound.find(each => each.address === address && each.port === port);
  if (listener === undefined) return `${to.hostname} has no port ${port} in the mesh`;
  if (raw || listener.protocol === 'tcp') {
    const sum = listener.tcp.reduce((total, { weight }) => total + weight, 0);
    const odds = (weight: number): number => (listener.tcp.length === 1 || sum === 0 ? 1 : weight / sum);
    return listener.tcp.map(({ cluster, weight }) => ({ cluster, odds: odds(weight), method: '', path: '', authority: '' }));
  }
  const cluster = `outbound|${port}||${listener.service}`;
  return [{ cluster, odds: 1, method, path: `${to.pathname}${to.search}`, authority: to.host }];
}

/** Asks the sidecar of the first endpoint: all of a service judge alike. */
async function ask(
  { cluster: name, odds, ...call }: Way,
  principal: string | null,
  { headers }: ExplainRequest,
  { clusters }: Snapshot,
  pods: readonly ObservedPod[],
  control: ControlPort,
): Promise<AccessJudgement | string> {
  const cluster = clusters.find(each => each.name === name);
  const service = cluster?.service ?? name.split('|').at(-1) ?? '';
  const port = cluster?.port ?? Number(name.split('|')[1]);
  const endpoint = cluster?.endpoints[0];
  const workload = endpoint?.workload ?? pods.find(pod => pod.service === service)?.workload;
  if (workload === undefined || !pods.some(pod => pod.workload === workload))
    return cluster === undefined || cluster.endpoints.length === 0
      ? `nobody serves ${service} now`
      : `${service} is outside the mesh: nobody judges there`;
  const shown = endpoint?.tls === 'plain' ? null : principal;
  const judgement = await control.judge(workload, { principal: shown, port, ...call, headers });
  if (judgement === null) throw unconfigured(workload);
  return { workload, service, port, odds, ...judgement };
}
