import { Graph, layout } from '@dagrejs/dagre';
import type { LayoutAnswer, LayoutQuestion } from './layout.ts';

/** Pixels between nodes of one column, between edges that pass it, between columns, and between rows of nodes that nobody calls. */
const gaps = { between: 30, along: 20, columns: 100, rows: 24 } as const;
/** From so many edges on, columns are long: they are set closer, and further apart. */
const many = { edges: 120, between: 12, along: 3, columns: 180, apart: 2.5 } as const;
/** A row of nodes that nobody calls is at least so wide, pixels. */
const leastRow = 720;

/** Where nodes go: those with edges left to right along them, those without in rows beneath. The same question has the same answer. */
export function placesOf({ nodes, edges }: Omit<LayoutQuestion, 'number'>): LayoutAnswer['places'] {
  const joined = new Set(edges.flatMap(({ source, target }) => (source === target ? [] : [source, target])));
  const graph = new Graph();
  const { between, along, columns } = edges.length < many.edges ? gaps : many;
  // The fast one of the ways to find columns takes a third of the time, and lines that are hardly longer.
  const ranker = edges.length < many.edges ? 'network-simplex' : 'tight-tree';
  graph.setGraph({ rankdir: 'LR', nodesep: between, edgesep: along, ranksep: columns, ranker });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of nodes) if (joined.has(id)) graph.setNode(id, { width, height });
  for (const { source, target } of edges) if (source !== target) graph.setEdge(source, target);
  if (joined.size > 0) layout(graph);

  const places: { readonly id: string; readonly x: number; readonly y: number }[] = [];
  let right = 0;
  let bottom = 0;
  for (const { id, width, height } of nodes) {
    if (!joined.has(id)) continue;
    const { x, y } = graph.node(id);
    places.push({ id, x, y });
    right = Math.max(right, x + width / 2);
    bottom = Math.max(bottom, y + height / 2);
  }
  // Long columns are set apart as far as they are long: what is high and narrow is small in a window.
  const apart = edges.length < many.edges ? 1 : Math.min(many.apart, Math.max(1, bottom / right));
  for (const [index, place] of places.entries()) places[index] = { ...place, x: place.x * apart };
  right *= apart;
  let left = 0;
  let top = bottom === 0 ? 0 : bottom + 2 * gaps.rows;
  let tallest = 0;
  for (const { id, width, height } of nodes) {
    if (joined.has(id)) continue;
    if (left > 0 && left + width > Math.max(leastRow, right)) {
      left = 0;
      top += tallest + gaps.rows;
      tallest = 0;
    }
    places.push({ id, x: left + width / 2, y: top + height / 2 });
    left += width + gaps.between;
    tallest = Math.max(tallest, height);
  }
  return places;
}
