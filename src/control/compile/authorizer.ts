/** Whom a sidecar asks about requests. */
import type { AuthorizerConfig, MeshConfig } from '../../config/mesh-config.ts';
import type { AccessPolicy, ExternalAuthorizer } from '../../snapshot/access-policy.ts';
import { type ClusterKey, clusterName } from './cluster.ts';
import { externalOf } from './external-cluster.ts';

/** The authorizers that rules of these policies name, in order of their names, and the clusters where they are. */
export function compileAuthorizers(
  { authorizers = [], ...config }: MeshConfig,
  policies: readonly (AccessPolicy | null | undefined)[],
): { readonly authorizers: readonly ExternalAuthorizer[]; readonly keys: readonly ClusterKey[] } {
  const named = new Set(policies.flatMap(policy => policy?.rules.map(({ authorizer }) => authorizer) ?? []));
  const used = authorizers.filter(({ name }) => named.has(name));
  const keyOf = ({ service, port }: AuthorizerConfig): ClusterKey => ({ service, subset: '', port });
  return {
    keys: used.map(keyOf),
    authorizers: used.map(({ service, port, ...one }) => ({
      ...one,
      cluster: clusterName(keyOf({ service, port, ...one })),
      // One in the mesh is told the host that is asked about; a host outside knows only its own.
      host: externalOf(config, service)?.hosts[0] ?? '',
    })),
  };
}
