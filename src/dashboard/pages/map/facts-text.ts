/** Nodes and edges in words that do not change with every request. */
import type { EndKind } from '../../../api/stats.ts';
import { count, percent, rate } from '../../view/figures.ts';
import { healthWord } from '../../view/health.ts';
import type { MapEdge, MapNode } from './map-model.ts';

/** What a node is. */
export function kindWord(kind: EndKind): string {
  return {
    service: 'service',
    gateway: 'gateway',
    external: 'outside of the mesh',
    passthrough: 'unknown addresses, let through',
    blackhole: 'unknown addresses, refused',
    unknown: 'callers without identity',
  }[kind];
}

/** `reviews v1, service, healthy` */
export function nodeFacts(node: MapNode): string {
  return [node.title, kindWord(node.of.kind), healthWord(node)].join(', ');
}

/** `web to reviews v1, http, mTLS, healthy` */
export function edgeFacts({ title, of, health, denied }: MapEdge): string {
  const facts = [
    title.replace(' → ', ' to '),
    of.protocol,
    securedWord(of.secured),
    denied ? 'denied calls' : '',
    healthWord({ health }),
  ];
  return facts.filter(fact => fact !== '').join(', ');
}

/** Whether calls are under mutual TLS; the empty string: nobody can tell. */
export function securedWord(secured: boolean | null): string {
  return secured === null ? '' : secured ? 'mTLS' : 'plaintext';
}

/** `12 rps, 20 % failed` of an edge, whatever is written on the map. */
export function edgeText({ of: { total } }: MapEdge): string {
  if (total.requests + total.denied === 0) return 'idle';
  const failed =
    total.failures > 0 && total.requests > 0 ? `, ${percent(Math.min(1, total.failures / total.requests))} failed` : '';
  return `${rate(total.rps)} rps${failed}${total.denied > 0 ? `, ${count(total.denied)} denied` : ''}`;
}
