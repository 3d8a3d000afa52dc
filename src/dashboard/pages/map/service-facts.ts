import type { GraphNode } from '../../../api/stats.ts';
import type { ConfigDocument } from '../../../api/types.ts';

type Config = ConfigDocument['config'];

/** What the configuration says of the services, for filters. */
export interface ServiceFacts {
  readonly namespaces: readonly string[];
  /** `key=value` of containers, sorted. */
  readonly labels: readonly string[];
  /** The empty string: it has none. */
  namespaceOf(node: Pick<GraphNode, 'name' | 'kind'>): string;
  labelsOf(node: Pick<GraphNode, 'name' | 'version'>): Readonly<Record<string, string>>;
}

/** Nothing is known yet. */
export const noFacts: ServiceFacts = { namespaces: [], labels: [], namespaceOf: () => '', labelsOf: () => ({}) };

/** Gathers them. */
export function serviceFacts({ services, namespace }: Config): ServiceFacts {
  const byName = new Map(services.map(service => [service.name, service]));
  const texts = services.flatMap(({ versions }) => versions.flatMap(({ container }) => Object.entries(container?.labels ?? {})));
  const none: Readonly<Record<string, string>> = {};
  return {
    namespaces: [...new Set([...services.map(each => each.namespace), namespace])].filter(Boolean).sort(),
    labels: [...new Set(texts.map(([key, value]) => `${key}=${value}`))].sort(),
    namespaceOf: ({ name, kind }) => byName.get(name)?.namespace ?? (kind === 'gateway' ? namespace : ''),
    labelsOf: ({ name, version }) => {
      const versions = byName.get(name)?.versions ?? [];
      const found = versions.find(each => each.name === version) ?? (versions.length === 1 ? versions[0] : undefined);
      return found?.container?.labels ?? none;
    },
  };
}
