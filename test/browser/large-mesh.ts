/** A made-up mesh of many services, for what has to stay smooth. */
import type { EdgeStats } from '../../src/api/stats.ts';
import { edge, end, golden } from './stage-documents.ts';

/** Part of the services in each layer, from the front to the stores. */
const layers = [0.03, 0.1, 0.22, 0.3, 0.25, 0.1] as const;
/** Services whose figures change from one round to the next. */
const changedAtOnce = 50;

/** `services` services in layers that call those behind them, with some two and a half times as many edges. */
export function largeMesh(services: number, round = 0): readonly EdgeStats[] {
  const first = layers.map((_, layer) => Math.round(services * layers.slice(0, layer).reduce((sum, part) => sum + part, 0)));
  const layerOf = (index: number): number => first.findLastIndex(start => start <= index);
  const nameOf = (index: number): string => `service-${String(index).padStart(3, '0')}`;
  const edges = new Map<string, EdgeStats>();
  for (let index = first[1] ?? 0; index < services; index++) {
    const layer = layerOf(index);
    const [from, to] = [first[layer - 1] ?? 0, first[layer] ?? 0];
    const changes = (index + round * changedAtOnce) % services < changedAtOnce ? round : 0;
    for (const step of index % 2 === 0 ? [1, 7, 19, 31] : [3, 11]) {
      const caller = from + ((index * step) % (to - from));
      const requests = 60 + ((index * 13 + step + changes * 7) % 500);
      const failures = (index + changes) % 17 === 0 ? Math.round(requests / 5) : 0;
      edges.set(
        `${caller} ${index}`,
        edge(end(nameOf(caller)), end(nameOf(index)), golden(requests, { failures }), { points: [] }),
      );
    }
  }
  return [...edges.values()];
}
