/** What a policy makes of a caller, as far as the caller alone decides. */
import type { AccessCondition, AccessPolicy, AccessRule } from '../../snapshot/access-policy.ts';
import { matchesValue } from '../access-pattern.ts';

/** What rules can ask of an identity; empty where there is none. */
interface CallerFacts {
  readonly principal: string;
  readonly namespace: string;
  readonly account: string;
  readonly 'trust-domain': string;
}

/** Takes an identity apart. */
export function callerFacts(identity: string | null): CallerFacts {
  const [, domain = '', namespace = '', account = ''] =
    /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(identity ?? '') ?? [];
  return {
    principal: identity ?? '',
    namespace,
    account: account === '' ? '' : `${namespace}/${account}`,
    'trust-domain': domain,
  };
}

/** Why somebody is refused, and the rule that says so; `null`: because no rule allows it. */
interface Refusal {
  readonly why: string;
  readonly rule: string | null;
}

/** Why whatever this caller sends is refused; `null`: some of it may pass. */
export function refusal(policy: AccessPolicy | null, identity: string | null): Refusal | null {
  const rules = policy?.rules.filter(rule => rule.dryRun !== true) ?? [];
  const facts = callerFacts(identity);
  const denies = rules.find(rule => rule.action === 'deny' && rule.conditions.every(one => truth(one, facts) === true));
  if (denies !== undefined) return { why: `rule \`${denies.name}\` denies them`, rule: denies.name };
  const unnamed: Refusal = { why: 'no access rule allows them', rule: null };
  const allows = rules.filter(rule => rule.action === 'allow');
  if (allows.length === 0) return policy?.default === 'deny' ? unnamed : null;
  return allows.some(rule => mayMatch(rule, facts)) ? null : unnamed;
}

function mayMatch({ conditions }: AccessRule, facts: CallerFacts): boolean {
  return conditions.every(condition => truth(condition, facts) !== false);
}

/** `null`: the caller alone does not tell. */
function truth({ on, values, not }: AccessCondition, facts: CallerFacts): boolean | null {
  if (on !== 'principal' && on !== 'namespace' && on !== 'account' && on !== 'trust-domain') return null;
  return values.some(value => matchesValue(value, facts[on])) !== (not === true);
}
