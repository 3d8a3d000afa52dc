import { Graph, layout } from '@dagrejs/dagre';
import type { LayoutAnswer, LayoutQuestion } from './layout.ts';

type Question = Omit<LayoutQuestion, 'number'>;
type Places = LayoutAnswer['places'];

/** Nodes with edges, and the room they take, from (0, 0). */
interface Arranged {
  readonly down: boolean;
  readonly places: Places;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Pixels: between nodes of one rank, between edges that pass them, between ranks across, where labels lie along the edges; ranks down, and nodes side by side there,
 * whose edges' labels would lie over each other half-way.
 */
const gaps = { between: 30, along: 20, across: 112, down: 76, beside: 110 } as const;
/** From so many edges on, ranks are long: nodes are set closer, ranks further apart, at most so many times as far. */
const many = { edges: 120, between: 12, along: 3, across: 180, apart: 2.5 } as const;
/** Between rows of nodes without edges, and the least width of a row, pixels. */
const rows = { gap: 24, least: 720 } as const;

/**
 * Where nodes go: those with edges along them, to the right or, where that is larger in the window, downwards; those without in rows
 * beneath. The same question has the same answer.
 */
export function placesOf(question: Question): Omit<LayoutAnswer, 'number'> {
  const { nodes, edges, ratio } = question;
  const calls = edges.filter(({ source, target }) => source !== target);
  const ends = new Set(calls.flatMap(({ source, target }) => [source, target]));
  const joined = { nodes: nodes.filter(({ id }) => ends.has(id)), edges: calls, ratio };
  const arranged = calls.length < many.edges ? largest(joined) : longColumns(joined);
  const alone = nodes.filter(({ id }) => !ends.has(id));
  return { down: arranged.down, places: [...arranged.places, ...inRows(alone, arranged)] };
}

function largest(question: Question): Arranged {
  const { between, along, across, down, beside } = gaps;
  const toRight = arrange(question, { rankdir: 'LR', nodesep: between, edgesep: along, ranksep: across });
  const wide = toRight.right / Math.max(1, toRight.bottom);
  if (wide <= question.ratio) return toRight;
  const toBottom = arrange(question, { rankdir: 'TB', nodesep: beside, edgesep: along, ranksep: down });
  const height = ({ right, bottom }: Arranged): number => Math.max(bottom, right / question.ratio);
  return height(toBottom) < height(toRight) ? toBottom : toRight;
}

function longColumns(question: Question): Arranged {
  const { between, along, across } = many;
  // The fast one of the ways to find ranks takes a third of the time, and edges are hardly longer.
  const ranker = 'tight-tree';
  const { places, right, bottom } = arrange(question, {
    rankdir: 'LR',
    nodesep: between,
    edgesep: along,
    ranksep: across,
    ranker,
  });
  // What is high and narrow is small in a window.
  const apart = Math.min(many.apart, Math.max(1, (bottom * question.ratio) / right));
  return { down: false, places: places.map(place => ({ ...place, x: place.x * apart })), right: right * apart, bottom };
}

function arrange(
  { nodes, edges }: Question,
  options: { readonly rankdir: 'LR' | 'TB'; readonly [option: string]: string | number },
): Arranged {
  const down = options.rankdir === 'TB';
  if (nodes.length === 0) return { down: false, places: [], right: 0, bottom: 0 };
  const graph = new Graph();
  graph.setGraph(options);
  graph.setDefaultEdgeLabel(() => ({}));
  const sizes = nodes.map(({ id, width, height, across }) => ({ id, width, height, ...(down && across) }));
  for (const { id, width, height } of sizes) graph.setNode(id, { width, height });
  for (const { source, target } of edges) graph.setEdge(source, target);
  layout(graph);
  const placed = sizes.map(({ id, width, height }) => ({ ...graph.node(id), id, width, height }));
  return {
    down,
    places: placed.map(({ id, x, y }) => ({ id, x, y })),
    right: Math.max(...placed.map(({ x, width }) => x + width / 2)),
    bottom: Math.max(...placed.map(({ y, height }) => y + height / 2)),
  };
}

function inRows(nodes: Question['nodes'], { right, bottom }: Arranged): Places {
  let left = 0;
  let top = bottom === 0 ? 0 : bottom + 2 * rows.gap;
  let tallest = 0;
  return nodes.map(({ id, width, height }) => {
    if (left > 0 && left + width > Math.max(rows.least, right)) {
      left = 0;
      top += tallest + rows.gap;
      tallest = 0;
    }
    const place = { id, x: left + width / 2, y: top + height / 2 };
    left += width + gaps.between;
    tallest = Math.max(tallest, height);
    return place;
  });
}
