import type { GraphDocument, GraphEdge, GraphNode } from '../api/stats.ts';
import { escapeLine } from '../text/escape.ts';
import type { Output } from './output.ts';
import { milliseconds, rate, success } from './stats-text.ts';

/** The ways to print a graph. */
export const graphFormats = ['text', 'dot', 'mermaid', 'json'] as const;

const plain = { paint: (_style: string, text: string): string => text };

/** Each caller with those that it calls, and who neither calls nor is called. */
export function graphText({ nodes, edges }: GraphDocument, output: Pick<Output, 'paint'>): readonly string[] {
  const width = Math.max(0, ...edges.map(({ destination }) => escapeLine(destination).length));
  const callers = Map.groupBy(edges, ({ source }) => source);
  const lines = [...callers].flatMap(([source, calls]) => [
    output.paint('bold', escapeLine(source)),
    ...calls.map(edge => {
      const to = escapeLine(edge.destination).padEnd(width);
      return `  → ${edge.total.denied > 0 ? output.paint('red', to) : to}  ${facts(edge, output).join(', ')}`;
    }),
  ]);
  const seen = new Set(edges.flatMap(({ source, destination }) => [source, destination]));
  const idle = nodes.filter(({ id, kind }) => !seen.has(id) && (kind === 'service' || kind === 'gateway'));
  return idle.length === 0 ? lines : [...lines, `idle: ${idle.map(({ id }) => escapeLine(id)).join(', ')}`];
}

/** For Graphviz. */
export function graphDot({ nodes, edges }: GraphDocument): readonly string[] {
  const quoted = (text: string): string => `"${escapeLine(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return [
    'digraph mesh {',
    '  rankdir=LR;',
    '  node [shape=box, fontname="sans-serif"];',
    ...nodes.map(({ id, kind }) => `  ${quoted(id)}${isStranger(kind) ? ' [style=dashed]' : ''};`),
    ...edges.map(edge => {
      const colour = edge.total.denied > 0 || isBad(edge) ? ', color=red' : '';
      return `  ${quoted(edge.source)} -> ${quoted(edge.destination)} [label=${quoted(facts(edge, plain).join(', '))}${colour}];`;
    }),
    '}',
  ];
}

/** For Markdown. */
export function graphMermaid({ nodes, edges }: GraphDocument): readonly string[] {
  // Mermaid takes nothing but its own entities within quotes, and HTML is not to get through.
  const safe = (text: string): string => escapeLine(text).replace(/[^\w .,%:/@→-]/gu, found => `#${found.codePointAt(0)};`);
  const numbers = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  return [
    'graph LR',
    ...nodes.map(({ id, kind }) => `  ${numbers.get(id)}${isStranger(kind) ? `(["${safe(id)}"])` : `["${safe(id)}"]`}`),
    ...edges.map(edge => {
      const arrow = edge.total.denied > 0 || isBad(edge) ? '-.->' : '-->';
      return `  ${numbers.get(edge.source)} ${arrow}|"${safe(facts(edge, plain).join(', '))}"| ${numbers.get(edge.destination)}`;
    }),
  ];
}

function facts({ protocol, secured, total }: GraphEdge, output: Pick<Output, 'paint'>): readonly string[] {
  return [
    ...(protocol === 'http' ? [] : [protocol]),
    ...(total.requests === 0 ? ['no calls'] : [success(total, output), `${rate(total.rps)} rps`]),
    ...(total.p95Ms === null ? [] : [`p95 ${milliseconds(total.p95Ms)}`]),
    ...(total.denied === 0 ? [] : [output.paint('red', `${total.denied} denied`)]),
    ...(secured === null ? [] : [secured ? 'mTLS' : output.paint('yellow', 'plaintext')]),
  ];
}

function isBad({ total }: GraphEdge): boolean {
  return total.successRate !== null && total.successRate < 0.9;
}

function isStranger(kind: GraphNode['kind']): boolean {
  return kind !== 'service' && kind !== 'gateway';
}
