import { type AccessJudge, type AccessVerdict, type CallerRules, ruleName } from '../access/access-judge.ts';
import type { AccessRequest } from '../access/access-request.ts';
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
    const rules = judge.of(caller);
    const verdict = rules.request(request.of(head, caller, decision));
    verdict.counter.count++;
    if (rules.marks) decision.marks = marksOf(rules, request, verdict);
    if (verdict.allowed) return null;
    let reply = replies.get(verdict);
    if (reply === undefined) {
      reply = { ...localReplies['access-denied'], details: `rbac_access_denied_matched_policy[${ruleName(verdict)}]` };
      replies.set(verdict, reply);
    }
    return reply;
  };
}

/** Counts what rules that enforce nothing say. Returns what the access log tells of it: audits, and dry runs that would have decided otherwise. */
function marksOf(rules: CallerRules, request: AccessRequest, enforced: AccessVerdict): string {
  const audits = rules.audits(request);
  for (const { counter } of audits) counter.count++;
  const shadow = rules.shadow(request);
  if (shadow !== null) shadow.counter.count++;
  const marks = audits.map(one => `rbac_audit[${ruleName(one)}]`);
  if (shadow !== null && shadow.allowed !== enforced.allowed)
    marks.push(`rbac_dry_run_${shadow.allowed ? 'allowed' : 'denied'}[${ruleName(shadow)}]`);
  return marks.join(';');
}
