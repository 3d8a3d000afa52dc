import type { WeightedCluster } from '../../snapshot/route-rule.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { KeptState } from './kept-state.ts';
import type { Draw, FindCluster } from './rule-parts.ts';

/** Picks a cluster; `random` is uniform in [0, 1). */
export type Split = (random: Draw) => ClusterRuntime | null;

/** Compiles a weighted choice of clusters: independent draws, weights relative. */
export function compileSplit(weighted: readonly WeightedCluster[], find: FindCluster): Split {
  const clusters = weighted.map(({ cluster }) => find(cluster));
  const [only] = clusters;
  if (clusters.length < 2) return () => only ?? null;
  const pick = drawnIndex(weighted);
  return random => clusters[pick(random)] ?? null;
}

/** An index, by weight: every draw for itself, as Envoy does it. */
export function drawnIndex(weighted: readonly { readonly weight: number }[]): (random: Draw) => number {
  let sum = 0;
  const steps = weighted.map(({ weight }) => {
    sum += weight;
    return sum;
  });
  return random => {
    const drawn = random() * sum;
    let i = 0;
    while (i < steps.length - 1 && drawn >= (steps[i] ?? 0)) i++;
    return i;
  };
}

/**
 * An index in turns as even as the weights allow: 90/10 is 9 and 1 of every 10, the 1 in the middle. The turns go on where they were over a swap with equal
 * destinations and weights. @see nginx, smooth weighted round-robin balancing
 */
export function turnsIndex(weighted: readonly WeightedCluster[], key: string, kept: KeptState): () => number {
  const weights = weighted.map(({ weight }) => weight);
  const sum = weights.reduce((a, b) => a + b, 0);
  const named = weighted.map(({ cluster, weight }) => [cluster, weight]);
  const credit = kept.keep(`turns ${key} ${JSON.stringify(named)}`, () => new Float64Array(weights.length));
  return () => {
    let best = 0;
    for (let i = 0; i < weights.length; i++) {
      credit[i] = (credit[i] ?? 0) + (weights[i] ?? 0);
      if ((credit[i] ?? 0) > (credit[best] ?? 0)) best = i;
    }
    credit[best] = (credit[best] ?? 0) - sum;
    return best;
  };
}
