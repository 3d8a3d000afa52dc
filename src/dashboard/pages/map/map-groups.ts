/** What is laid out: a node by itself, or a box with the versions of a service, one under another. Pure. */
import type { LayoutAnswer, LayoutQuestion } from '../../layout/layout.ts';
import type { MapModel, MapNode } from './map-model.ts';
import { sizes } from './map-style.ts';

/** Middle of a node, pixels. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** The graph with boxes in place of their versions. `widthOf`: of a node, pixels. */
export function layoutQuestion(
  { nodes, edges }: Pick<MapModel, 'nodes' | 'edges'>,
  widthOf: (node: MapNode) => number,
): Omit<LayoutQuestion, 'number'> {
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
      return { id, width: width + 2 * sizes.boxPadding, height: stackHeight(members) + 2 * sizes.boxPadding + sizes.boxLabel };
    }),
    edges: [...pairs.values()],
  };
}

/** Places of the nodes from those of the groups. */
export function placesOfNodes(nodes: readonly MapNode[], places: LayoutAnswer['places']): ReadonlyMap<string, Place> {
  const groups = Map.groupBy(nodes, groupOf);
  const found = new Map<string, Place>();
  for (const { id, x, y } of places) {
    const members = groups.get(id) ?? [];
    const boxed = members[0]?.box !== null;
    const top = boxed ? y + sizes.boxLabel / 2 - stackHeight(members) / 2 : y - sizes.node / 2;
    for (const [index, member] of members.entries())
      found.set(member.id, { x, y: top + sizes.node / 2 + index * (sizes.node + sizes.between) });
  }
  return found;
}

function groupOf({ id, box }: MapNode): string {
  return box ?? id;
}

function stackHeight(members: readonly MapNode[]): number {
  return members.length * sizes.node + (members.length - 1) * sizes.between;
}
