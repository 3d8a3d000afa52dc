/** Access rules of one service. */
import { identityOf } from '../../config/identity-of.ts';
import type { AccessRuleConfig, MeshConfig } from '../../config/mesh-config.ts';
import type { AccessCondition, AccessFact, AccessPolicy, AccessRule } from '../../snapshot/access-policy.ts';

/** The rules that protect a service; `null` when nothing restricts it. */
export function compileAccess(config: MeshConfig, service: string): AccessPolicy | null {
  const rules = config.access.rules
    .filter(rule => rule.to.length === 0 || rule.to.includes(service))
    .map(rule => compileRule(rule, config));
  if (rules.length === 0 && config.access.default === 'allow') return null;
  return { default: config.access.default, rules };
}

function compileRule(rule: AccessRuleConfig, config: MeshConfig): AccessRule {
  const principals = [
    ...rule.from.map(name => (name === '*' ? name : identityOf(config, name))),
    ...rule.principals.map(id => (id.startsWith('*') || id.startsWith('spiffe://') ? id : `spiffe://${id}`)),
  ];
  const conditions = [
    ...condition('principal', principals),
    ...condition('method', rule.methods),
    ...condition('host', rule.hosts),
    ...condition('path', rule.paths),
  ];
  return { name: rule.name, action: rule.action, conditions };
}

function condition(on: AccessFact, values: readonly string[]): readonly AccessCondition[] {
  return values.length === 0 ? [] : [{ on, values: [...new Set(values)].sort() }];
}
