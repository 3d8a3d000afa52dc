/** The access rules of a service or gateway as its sidecars get them. */
import type { AccessCondition, AccessPolicy, AccessRule } from '../snapshot/access-policy.ts';
import { identityOf } from './identity-of.ts';
import type { AccessRuleConfig, MeshConfig } from './mesh-config.ts';
import { uniqueTexts } from './unique-texts.ts';

/** What of a configuration says who may call whom. */
export type AccessParts = Pick<MeshConfig, 'access' | 'authorizers' | 'trustDomain' | 'identity' | 'namespace' | 'services'>;

/** The rules that protect a service; `null` when nothing restricts it. */
export function servicePolicy(config: AccessParts, name: string): AccessPolicy | null {
  const byDefault = config.services.find(service => service.name === name)?.access ?? config.access.default;
  return policy(
    byDefault,
    config.access.rules.filter(rule => (rule.to.length === 0 ? !isAsked(config, name, rule) : rule.to.includes(name))),
    config,
  );
}

/** A rule for all services asks none of those that are asked themselves: each question would be asked about. */
function isAsked({ authorizers = [] }: AccessParts, name: string, { action }: AccessRuleConfig): boolean {
  return action === 'custom' && authorizers.some(({ service }) => service === name);
}

/** The rules that protect a gateway: only those that name it, as nobody outside has an identity that rules for services could ask for. */
export function gatewayPolicy(config: AccessParts, name: string): AccessPolicy | null {
  return policy(
    'allow',
    config.access.rules.filter(({ to }) => to.includes(name)),
    config,
  );
}

function policy(
  byDefault: AccessPolicy['default'],
  rules: readonly AccessRuleConfig[],
  config: AccessParts,
): AccessPolicy | null {
  if (rules.length === 0 && byDefault === 'allow') return null;
  return { default: byDefault, rules: rules.map(rule => compileRule(rule, config)) };
}

function compileRule({ to: _, from, notFrom, conditions, ...rule }: AccessRuleConfig, config: AccessParts): AccessRule {
  const isPrincipal =
    (not: boolean) =>
    (one: AccessCondition): boolean =>
      one.on === 'principal' && (one.not === true) === not;
  const callers = (names: readonly string[], not: boolean): readonly AccessCondition[] => {
    const ids = names.map(name => (name === '*' ? name : identityOf(config, name)));
    const written = conditions.filter(isPrincipal(not)).flatMap(({ values }) => values);
    return condition({ on: 'principal', values: [...ids, ...written], ...(not ? { not } : {}) }, config);
  };
  const others = conditions.filter(one => one.on !== 'principal').flatMap(one => condition(one, config));
  return { ...rule, conditions: [...callers(from, false), ...callers(notFrom, true), ...others] };
}

function condition(written: AccessCondition, config: AccessParts): readonly AccessCondition[] {
  const values = uniqueTexts(written.values.flatMap(value => inEveryDomain(written.on, value, config)));
  return values.length === 0 ? [] : [{ ...written, values }];
}

/** A value that names the trust domain, by its own or by a former name, stands for all of its names. */
function inEveryDomain(on: AccessCondition['on'], value: string, { trustDomain, identity }: AccessParts): readonly string[] {
  const domains = [trustDomain, ...identity.trustDomainAliases];
  if (on === 'trust-domain') return domains.includes(value) ? domains : [value];
  if (on !== 'principal') return [value];
  const named = domains.find(domain => value.startsWith(`spiffe://${domain}/`));
  return named === undefined ? [value] : domains.map(domain => value.replace(named, () => domain));
}
