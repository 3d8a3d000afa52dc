import type { AccessJudge, AccessVerdict } from '../access/access-judge.ts';
import { HeadRequest } from '../access/head-request.ts';
import { type LocalReply, localReplies } from '../exchange/failure.ts';
import type { RequestFilter } from './filter.ts';

/**
 * Refuses with 403 whom the policy does not let through. Comes after `normalisePath`: a path has to be judged in the form that the app gets. Rules `custom`
 * come before (`CallerRules.customs`).
 */
export function accessFilter(judge: AccessJudge): RequestFilter {
  const request = new HeadRequest();
  const replies = new Map<AccessVerdict, LocalReply>();
  return (head, caller, decision) => {
    const verdict = judge.of(caller).request(request.of(head, caller, decision));
    verdict.counter.count++;
    if (verdict.allowed) return null;
    let reply = replies.get(verdict);
    if (reply === undefined) {
      reply = { ...localReplies['access-denied'], details: `rbac_access_denied_matched_policy[${ruleName(verdict)}]` };
      replies.set(verdict, reply);
    }
    return reply;
  };
}

/** The rule as logs name it: their details have no spaces. */
export function ruleName({ rule }: AccessVerdict): string {
  return rule === null ? 'none' : rule.name.replaceAll(/\s/g, '_');
}
