import { judgeCaller } from '../../access/caller-verdict.ts';
import type { AccessPolicy } from '../../snapshot/access-policy.ts';

/** Why somebody is refused, and the rule that says so; `null`: because no rule allows it. */
interface Refusal {
  readonly why: string;
  readonly rule: string | null;
}

/** Why whatever this caller sends is refused; `null`: some of it may pass. */
export function refusal(policy: AccessPolicy | null, identity: string | null): Refusal | null {
  const { verdict, rules } = judgeCaller(policy, { principal: identity, port: null, raw: false });
  if (verdict !== 'denied') return null;
  const [rule = null] = rules;
  return { why: rule === null ? 'no access rule allows them' : `rule \`${rule}\` denies them`, rule };
}
