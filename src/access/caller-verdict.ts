/** What a policy makes of a caller, as far as the caller alone decides: in the order in which a sidecar judges. */
import type { AccessCondition, AccessPolicy, AccessRule } from '../snapshot/access-policy.ts';
import { type IdentityFacts, identityFacts, isOfConnection, isOfIdentity } from './access-facts.ts';
import { matchesValue } from './access-value.ts';

/** Who would call what. */
export interface JudgedCaller {
  /** SPIFFE ID; `null`: without identity. */
  readonly principal: string | null;
  /** Port of the app; `null`: not known. */
  readonly port: number | null;
  /** Raw TCP: it has no requests. */
  readonly raw: boolean;
}

/** What becomes of all that a caller sends. */
export interface CallerVerdict {
  /** `depends`: on what only a request tells (path, method, header, token …), on its address, or on an authorizer. */
  readonly verdict: 'allowed' | 'denied' | 'depends';
  /** Names of the rules that decide, or may; empty: no rule does. */
  readonly rules: readonly string[];
}

/** `null`: the caller alone does not tell. */
type Truth = boolean | null;

/** Judges a caller. Rules of dry runs do not count. */
export function judgeCaller(policy: AccessPolicy | null, caller: JudgedCaller): CallerVerdict {
  if (policy === null) return { verdict: 'allowed', rules: [] };
  const facts = identityFacts(caller.principal);
  const enforced = policy.rules.filter(rule => rule.dryRun !== true);
  const matching = (action: AccessRule['action']): { sure: string[]; maybe: string[] } => {
    const found = { sure: [] as string[], maybe: [] as string[] };
    for (const rule of enforced) {
      if (rule.action !== action) continue;
      const truth = holds(rule, caller, facts);
      if (truth !== false) found[truth === true ? 'sure' : 'maybe'].push(rule.name);
    }
    return found;
  };
  const denies = matching('deny');
  if (denies.sure.length > 0) return { verdict: 'denied', rules: denies.sure };
  const asks = matching('custom');
  // An authorizer is asked about requests only.
  if (caller.raw && asks.sure.length > 0) return { verdict: 'denied', rules: asks.sure };
  const doubts = [...asks.sure, ...asks.maybe, ...denies.maybe];
  const allows = matching('allow');
  const byDefault = policy.default === 'allow' && !enforced.some(rule => rule.action === 'allow');
  if (allows.sure.length > 0 || byDefault)
    return { verdict: doubts.length > 0 ? 'depends' : 'allowed', rules: [...doubts, ...allows.sure] };
  return allows.maybe.length > 0 ? { verdict: 'depends', rules: [...doubts, ...allows.maybe] } : { verdict: 'denied', rules: [] };
}

function holds({ action, conditions }: AccessRule, caller: JudgedCaller, facts: IdentityFacts): Truth {
  const truths = conditions.map(condition => truthOf(condition, action, caller, facts));
  if (truths.includes(false)) return false;
  return truths.includes(null) ? null : true;
}

function truthOf(
  { on, values, not }: AccessCondition,
  action: AccessRule['action'],
  { port, raw }: JudgedCaller,
  facts: IdentityFacts,
): Truth {
  const fact = isOfIdentity(on) ? facts[on] : on === 'port' && port !== null ? String(port) : null;
  if (fact !== null) return values.some(value => matchesValue(value, fact)) !== (not === true);
  // What raw TCP cannot tell counts against the caller: it never lets through, and is left out of what refuses (Istio).
  return raw && !isOfConnection(on, true) ? action !== 'allow' : null;
}
