/** From what the daemon tells to what is drawn. Pure. */
import type { GraphDocument, GraphEdge, GraphNode } from '../../../api/stats.ts';
import { escapeLine } from '../../../text/escape.ts';
import { count, duration, percent, rate } from '../../view/figures.ts';
import { healthOf } from '../../view/health.ts';
import type { Health } from '../../view/parts.tsx';
import type { MapView } from './map-view.ts';
import type { ServiceFacts } from './service-facts.ts';

/** A service, a version of one, or who is not in the mesh. */
export interface MapNode {
  readonly id: string;
  /** On the node. */
  readonly label: string;
  /** `reviews v1` */
  readonly title: string;
  /** Box that it is in; `null`: none. */
  readonly box: string | null;
  readonly health: Health;
  /** It calls, though nobody calls it. */
  readonly calling: boolean;
  readonly of: GraphNode;
}

/** Calls from one node to another. */
export interface MapEdge {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  /** On the edge. */
  readonly label: string;
  /** `web → reviews v1` */
  readonly title: string;
  /** Pixels, by the rate. */
  readonly width: number;
  readonly health: Health;
  /** Some were refused by access rules. */
  readonly denied: boolean;
  readonly secured: boolean;
  readonly of: GraphEdge;
}

/** Holds the versions of a service. */
export interface MapBox {
  readonly id: string;
  readonly label: string;
}

/** All that is drawn. */
export interface MapModel {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
  readonly boxes: readonly MapBox[];
}

/** Longest text on a node; the panel and the tables have all of it. */
const maxLabel = 28;

/** What of the graph is shown, and how. */
export function mapModel(graph: GraphDocument, view: MapView, facts: ServiceFacts): MapModel {
  const versions = Map.groupBy(graph.nodes, boxOf);
  const boxed = new Set([...versions].filter(([, nodes]) => nodes.length > 1).map(([box]) => box));
  const byId = new Map(graph.nodes.map(node => [node.id, node]));
  const called = new Set(graph.edges.filter(isActive).flatMap(({ source, destination }) => [source, destination]));
  const calledByMore = new Set(graph.edges.filter(({ protocol }) => protocol !== 'tcp').map(({ destination }) => destination));
  const onlyTcp = new Set(graph.edges.map(({ destination }) => destination).filter(id => !calledByMore.has(id)));
  const matches = new Set(graph.nodes.filter(node => isMatch(node, view, facts)).map(({ id }) => id));

  const edges = graph.edges
    .filter(({ source, destination }) => byId.has(source) && byId.has(destination))
    .filter(({ source, destination }) => matches.has(source) || matches.has(destination))
    .filter(edge => !(view.hideIdle && !isActive(edge)))
    .map(edge => mapEdge(edge, byId, view.label))
    .filter(
      ({ health, denied }) => view.only === 'all' || (view.only === 'denied' ? denied : health === 'bad' || health === 'warn'),
    );
  const ends = new Set(edges.flatMap(({ source, target }) => [source, target]));
  const shown = graph.nodes.filter(node => {
    if (ends.has(nodeId(node.id))) return true;
    return view.only === 'all' && matches.has(node.id) && !(view.hideIdle && !called.has(node.id));
  });
  const nodes = shown.map((node): MapNode => {
    const box = boxed.has(boxOf(node)) ? boxOf(node) : null;
    const title = titleOf(node);
    const health = healthOf(node.total, onlyTcp.has(node.id) ? 'tcp' : null);
    const calling = health === 'idle' && called.has(node.id);
    const label = signed(shortened(box === null ? title : escapeLine(node.version) || 'any version'), health);
    return { id: nodeId(node.id), label, title, box, health, calling, of: node };
  });
  const boxes = [...new Set(nodes.flatMap(({ box }) => box ?? []))];
  const nameOfBox = (box: string): string => versions.get(box)?.[0]?.name ?? '';
  return { nodes, edges, boxes: boxes.map(id => ({ id, label: shortened(escapeLine(nameOfBox(id))) })) };
}

/** `reviews v1`, harmless to show. */
function titleOf({ name, version }: Pick<GraphNode, 'name' | 'version'>): string {
  return escapeLine(version === '' ? name : `${name} ${version}`);
}

/** Told from edges and boxes. */
function nodeId(id: string): string {
  return `node ${id}`;
}

function edgeId({ source, destination, protocol }: GraphEdge): string {
  return `edge ${source} → ${destination} ${protocol}`;
}

function boxOf({ name, kind }: Pick<GraphNode, 'name' | 'kind'>): string {
  return `box ${kind} ${name}`;
}

function isActive({ total }: Pick<GraphEdge, 'total'>): boolean {
  return total.requests > 0 || total.denied > 0 || total.open > 0;
}

function isMatch(node: GraphNode, { name, namespace, containerLabel }: MapView, facts: ServiceFacts): boolean {
  if (
    name !== '' &&
    !node.id.toLowerCase().includes(name.toLowerCase()) &&
    !titleOf(node).toLowerCase().includes(name.toLowerCase())
  )
    return false;
  if (namespace !== '' && facts.namespaceOf(node) !== namespace) return false;
  if (containerLabel === '') return true;
  const [key = '', ...value] = containerLabel.split('=');
  const found = facts.labelsOf(node)[key];
  return found !== undefined && (value.length === 0 || found === value.join('='));
}

function mapEdge(edge: GraphEdge, nodes: ReadonlyMap<string, GraphNode>, label: MapView['label']): MapEdge {
  const { source, destination, protocol, secured, total } = edge;
  const title = (id: string): string => titleOf(nodes.get(id) ?? { name: id, version: '' });
  const health = healthOf(total, protocol);
  return {
    id: edgeId(edge),
    source: nodeId(source),
    target: nodeId(destination),
    label: signed(edgeLabel(edge, label), health),
    title: `${title(source)} → ${title(destination)}`,
    width: widthOf(total.rps),
    health,
    denied: total.denied > 0,
    secured: secured === true,
    of: edge,
  };
}

/** What an edge says: `12 rps`, `tcp 0.4 rps`, `20 % failed`. */
function edgeLabel({ protocol, total }: GraphEdge, label: MapView['label']): string {
  if (label === 'none' || total.requests + total.denied === 0) return '';
  const kind = protocol === 'http' ? '' : `${protocol} `;
  if (label !== 'rate') {
    const ms = { p50: total.p50Ms, p95: total.p95Ms, p99: total.p99Ms }[label];
    return ms === null ? '' : `${kind}${duration(ms)}`;
  }
  const failed =
    total.failures > 0 && total.requests > 0 ? `\n${percent(Math.min(1, total.failures / total.requests))} failed` : '';
  const denied = total.denied > 0 ? `\n${count(total.denied)} denied` : '';
  return `${kind}${rate(total.rps)} rps${failed}${denied}`;
}

/** In half pixels: what a reader cannot see is not drawn anew. */
function widthOf(rps: number): number {
  return Math.round(Math.min(8, 1.5 + 1.6 * Math.log10(1 + rps)) * 2) / 2;
}

/** A sign beside the colour. */
function signed(text: string, health: Health): string {
  const sign = health === 'bad' ? '✕' : health === 'warn' ? '!' : '';
  return `${sign} ${text}`.trim();
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length <= maxLabel ? text : `${characters.slice(0, maxLabel - 1).join('')}…`;
}
