import { isOfConnection } from '../../access/access-facts.ts';
import type { AccessCondition, AccessFact, AccessPolicy, AccessRule } from '../../snapshot/access-policy.ts';
import type { JudgedCall, Judgement, RuleJudgement } from '../../snapshot/judgement.ts';
import type { InboundListener } from '../../snapshot/snapshot.ts';
import { AccessDecisions } from '../../telemetry/access-decisions.ts';
import { AccessJudge } from './access-judge.ts';
import type { AccessCaller, AccessRequest } from './access-request.ts';
import { compileCallerTest, compileRequestTest } from './condition.ts';

/** Says what the rules of a port make of a call, and why each of them counts or not. `request`: `null` for raw TCP. Counts nothing. */
export function judgeCall(
  { port, access, mtls, published }: InboundListener,
  { principal }: JudgedCall,
  request: AccessRequest | null,
): Judgement {
  if (principal === null && mtls === 'strict')
    return closed(
      published
        ? 'mTLS is strict: plaintext is let in from the host only, as the port is published'
        : 'mTLS is strict: whoever has no identity is cut off before anything is read',
    );
  if (access === null) return { verdict: 'allowed', rule: null, reason: 'there are no access rules', rules: [] };
  const caller: AccessCaller = { principal, address: '' };
  const judged = new AccessJudge(access, { port, direct: true }, new AccessDecisions()).of(caller);
  const rules = explainRules(access, port, caller, request);
  const custom = request === null ? [] : judged.customs(request);
  const verdict = request === null ? judged.connection() : judged.request(request);
  const rule = verdict.rule?.name ?? null;
  if (custom.length > 0 && verdict.allowed)
    return { verdict: 'asks', rule: custom[0]?.name ?? null, reason: `${authorizersOf(custom)} decides`, rules };
  return { verdict: verdict.allowed ? 'allowed' : 'denied', rule, reason: reasonOf(verdict.allowed, rule, access), rules };
}

/** Refused before any rule is asked. */
export function closed(reason: string): Judgement {
  return { verdict: 'denied', rule: null, reason, rules: [] };
}

function authorizersOf(rules: AccessPolicy['rules']): string {
  return `authorizer ${[...new Set(rules.map(({ authorizer = '' }) => authorizer))].join(' and ')}`;
}

function reasonOf(allowed: boolean, rule: string | null, access: AccessPolicy): string {
  if (rule !== null) return `rule "${rule}" ${allowed ? 'allows' : 'denies'} it`;
  if (allowed) return 'no rule denies it, and the default is to allow';
  return access.rules.some(({ action, dryRun }) => action === 'allow' && dryRun !== true)
    ? 'no rule allows it'
    : 'no rule allows it, and the default is to deny';
}

function explainRules(
  { rules }: AccessPolicy,
  port: number,
  caller: AccessCaller,
  request: AccessRequest | null,
): readonly RuleJudgement[] {
  return rules.map(({ name, action, dryRun, conditions }) => {
    const failed = conditions.find(condition => !holds(condition, action, port, caller, request));
    return {
      name,
      action,
      dryRun: dryRun === true,
      matches: failed === undefined,
      failed: failed === undefined ? '' : text(failed),
    };
  });
}

function holds(
  condition: AccessCondition,
  action: AccessRule['action'],
  port: number,
  caller: AccessCaller,
  request: AccessRequest | null,
): boolean {
  if (isOfConnection(condition.on, true)) return compileCallerTest(condition, port)(caller);
  // What raw TCP cannot tell counts against the caller.
  return request === null ? action !== 'allow' : compileRequestTest(condition, action).holds(request);
}

/** As people say it. */
const factNames: Partial<Record<AccessFact, string>> = {
  principal: 'the caller',
  namespace: "the caller's namespace",
  account: "the caller's account",
  'trust-domain': "the caller's trust domain",
  ip: "the connection's address",
  'remote-ip': "the client's address",
  'server-name': 'the server name',
  'token-principal': "the token's principal",
  'token-audience': "the token's audience",
  'token-presenter': "the token's presenter",
};

function text({ on, name, values, not }: AccessCondition): string {
  const fact = name === undefined ? (factNames[on] ?? `the ${on}`) : `${on} ${name.join('.')}`;
  const listed = values.join(', ');
  if (not === true) return `${fact} is ${values.length === 1 ? listed : `one of ${listed}`}`;
  return `${fact} is not ${values.length === 1 ? listed : `one of ${listed}`}`;
}
