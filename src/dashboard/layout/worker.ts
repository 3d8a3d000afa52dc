/// <reference lib="webworker" />
/** Where nodes of a graph go, found beside the page's own thread. */
import { Graph, layout } from '@dagrejs/dagre';
import type { LayoutAnswer, LayoutQuestion } from './layout.ts';

addEventListener('message', ({ data }: MessageEvent<LayoutQuestion>) => {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 28, ranksep: 90, marginx: 20, marginy: 20 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of data.nodes) graph.setNode(id, { width, height });
  for (const { source, target } of data.edges) graph.setEdge(source, target);
  layout(graph);
  const places = data.nodes.map(({ id }) => {
    const { x, y } = graph.node(id);
    return { id, x, y };
  });
  postMessage({ number: data.number, places } satisfies LayoutAnswer);
});
