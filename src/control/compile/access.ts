/** Access rules of one service. */
import { identityOf } from '../../config/identity-of.ts';
import type { AccessRuleConfig, MeshConfig } from '../../config/mesh-config.ts';
import type { AccessPolicy, AccessRule, ListenerProtocol } from '../../snapshot/snapshot.ts';

/** The rules that protect a service on a port of this protocol; `null` when nothing restricts it. */
export function compileAccess(config: MeshConfig, service: string, protocol: ListenerProtocol): AccessPolicy | null {
  const rules = config.access.rules
    .filter(rule => rule.to.length === 0 || rule.to.includes(service))
    .map(rule => compileRule(rule, config));
  if (rules.length === 0 && config.access.default === 'allow') return null;
  const policy: AccessPolicy = { default: config.access.default, rules };
  return protocol === 'tcp' ? withoutHttp(policy) : policy;
}

function compileRule(rule: AccessRuleConfig, config: MeshConfig): AccessRule {
  const principals = [
    ...rule.from.map(name => (name === '*' ? name : identityOf(config, name))),
    ...rule.principals.map(id => (id === '*' || id.startsWith('spiffe://') ? id : `spiffe://${id}`)),
  ];
  return {
    name: rule.name,
    action: rule.action,
    principals: [...new Set(principals)].sort(),
    methods: rule.methods,
    paths: rule.paths,
    hosts: rule.hosts,
  };
}

/**
 * On a TCP port an allow rule with HTTP conditions can never hold, and a deny rule loses them (it may deny more, never less).
 * That there was an allow rule still means: whom none allows is refused.
 * @see Istio AuthorizationPolicy, "rules with HTTP-only fields on TCP ports"
 */
function withoutHttp(policy: AccessPolicy): AccessPolicy {
  const rules = policy.rules.flatMap((rule): AccessRule[] => {
    const http = rule.methods.length + rule.paths.length + rule.hosts.length > 0;
    if (!http) return [rule];
    return rule.action === 'allow' ? [] : [{ ...rule, methods: [], paths: [], hosts: [] }];
  });
  const restricted = policy.rules.some(rule => rule.action === 'allow');
  return { default: restricted ? 'deny' : policy.default, rules };
}
