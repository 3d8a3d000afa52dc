/** What is laid out: a node by itself, or a box with the versions of a service, one under another. Pure. */
import type { LayoutAnswer, LayoutQuestion } from '../../layout/layout.ts';
import type { MapModel, MapNode } from './map-model.ts';
import { sizes } from './map-style.ts';

/** Middle of a node, pixels. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Width of a node, pixels. */
export type WidthOf = (node: MapNode) => number;

/** The graph with boxes in place of their versions: one under another where calls go to the right, beside each other where they go down. */
export function layoutQuestion(
  { nodes, edges }: Pick<MapModel, 'nodes' | 'edges'>,
  widthOf: WidthOf,
): Pick<LayoutQuestion, 'nodes' | 'edges'> {
  const groups = Map.groupBy(nodes, groupOf);
  const groupOfNode = new Map(nodes.map(node => [node.id, groupOf(node)]));
  const pairs = new Map<string, { readonly source: string; readonly target: string }>();
  for (const edge of edges) {
    const source = groupOfNode.get(edge.source);
    const target = groupOfNode.get(edge.target);
    if (source !== undefined && target !== undefined && source !== target) pairs.set(`${source}\n${target}`, { source, target });
  }
  return {
    nodes: [...groups].map(([id, members]) => {
      const width = Math.max(...members.map(widthOf));
      if (members[0]?.box === null) return { id, width, height: sizes.node };
      const around = 2 * sizes.boxPadding;
      return {
        id,
        width: width + around,
        height: stack(members.map(() => sizes.node)) + around + sizes.boxLabel,
        across: { width: stack(members.map(widthOf), sizes.beside) + around, height: sizes.node + around + sizes.boxLabel },
      };
    }),
    edges: [...pairs.values()],
  };
}

/** Places of the nodes from those of the groups. */
export function placesOfNodes(
  nodes: readonly MapNode[],
  { places, down }: Pick<LayoutAnswer, 'places' | 'down'>,
  widthOf: WidthOf,
): ReadonlyMap<string, Place> {
  const groups = Map.groupBy(nodes, groupOf);
  const found = new Map<string, Place>();
  for (const { id, x, y } of places) {
    const members = groups.get(id) ?? [];
    const middle = members[0]?.box === null ? y : y + sizes.boxLabel / 2;
    const lengths = members.map(member => (down ? widthOf(member) : sizes.node));
    const gap = down ? sizes.beside : sizes.between;
    let at = -stack(lengths, gap) / 2;
    for (const [index, member] of members.entries()) {
      const length = lengths[index] ?? 0;
      found.set(member.id, down ? { x: x + at + length / 2, y: middle } : { x, y: middle + at + length / 2 });
      at += length + gap;
    }
  }
  return found;
}

function groupOf({ id, box }: MapNode): string {
  return box ?? id;
}

function stack(lengths: readonly number[], gap: number = sizes.between): number {
  return lengths.reduce((sum, length) => sum + length, 0) + (lengths.length - 1) * gap;
}
