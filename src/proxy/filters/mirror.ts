import type { Mirror } from '../../snapshot/route-rule.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { RuleParts } from '../route/rule-parts.ts';
import type { RequestFilter } from './filter.ts';

/** Says where copies of the request go. Every mirror draws for itself. */
export function mirrorFilter(mirrors: readonly Mirror[], key: string, parts: RuleParts): RequestFilter {
  const compiled = mirrors.map(({ cluster, percent }) => ({
    cluster: parts.cluster(cluster),
    percent,
    draw: parts.draws(`mirror ${key} ${cluster}`),
  }));
  const all = compiled.map(({ cluster }) => cluster).filter(cluster => cluster !== null);
  if (compiled.every(({ percent }) => percent >= 100)) {
    return (_head, _caller, decision) => {
      decision.mirrors = all;
      return null;
    };
  }
  return (_head, _caller, decision) => {
    let drawn: ClusterRuntime[] | null = null;
    for (const { cluster, percent, draw } of compiled) {
      if (cluster === null || (percent < 100 && draw() * 100 >= percent)) continue;
      drawn ??= [];
      drawn.push(cluster);
    }
    if (drawn !== null) decision.mirrors = drawn;
    return null;
  };
}
