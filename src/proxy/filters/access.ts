import type { AccessPolicy, AccessRule } from '../../snapshot/snapshot.ts';
import { localReplies } from '../exchange/failure.ts';
import { hostOf } from '../http1/authority.ts';
import { decodedPath, pathOf } from '../route/path.ts';
import type { RequestFilter } from './filter.ts';

/** The facts that an access rule judges. */
export interface AccessRequest {
  /** SPIFFE ID of the caller, `null` for plaintext. */
  readonly principal: string | null;
  readonly method: string;
  /** Normalised and decoded, without query. */
  readonly path: string;
  /** With or without port. */
  readonly authority: string;
}

/** Paths of rules as the bytes of UTF-8, which is what decoded paths are. */
function inBytes({ default: byDefault, rules }: AccessPolicy): AccessPolicy {
  const bytes = (pattern: string): string => Buffer.from(pattern).toString('latin1');
  return { default: byDefault, rules: rules.map(rule => ({ ...rule, paths: rule.paths.map(bytes) })) };
}

/** Refuses with 403 whom the policy does not let through. Comes after `normalisePath`: a path has to be judged in the form that the app gets. */
export function accessFilter(written: AccessPolicy): RequestFilter {
  const policy = inBytes(written);
  return (head, { principal }) => {
    const { method, authority, target } = head;
    // The app decodes what is left too: `/a%3Ab` is `/a:b` to it.
    const verdict = judge(policy, { principal, method, path: decodedPath(pathOf(target)), authority });
    if (verdict === 'allowed') return null;
    if (verdict === 'no rule') return 'access-denied';
    // The log names the rule; the details of a log line have no spaces.
    return {
      ...localReplies['access-denied'],
      details: `rbac_access_denied_matched_policy[${verdict.name.replaceAll(/\s/g, '_')}]`,
    };
  };
}

/** Whether the policy lets the request through. */
export function isAllowed(policy: AccessPolicy, request: AccessRequest): boolean {
  return judge(inBytes(policy), request) === 'allowed';
}

/** Deny rules first, then allow rules, then the default. Returns the rule that denies, or why none lets the request through. */
function judge({ rules, default: byDefault }: AccessPolicy, request: AccessRequest): 'allowed' | 'no rule' | AccessRule {
  const denies = rules.find(rule => rule.action === 'deny' && applies(rule, request));
  if (denies !== undefined) return denies;
  if (rules.some(rule => rule.action === 'allow' && applies(rule, request))) return 'allowed';
  return byDefault === 'allow' && !rules.some(rule => rule.action === 'allow') ? 'allowed' : 'no rule';
}

/**
 * Whether the policy lets a raw TCP connection through. What it cannot know counts against the caller, as in Istio: an allow rule that asks for methods,
 * paths or hosts never matches, a deny rule is judged without them.
 */
export function isConnectionAllowed(policy: AccessPolicy, principal: string | null): boolean {
  const callerMatches = (rule: AccessRule): boolean =>
    applies({ ...rule, methods: [], paths: [], hosts: [] }, { principal, method: '', path: '', authority: '' });
  if (policy.rules.some(rule => rule.action === 'deny' && callerMatches(rule))) return false;
  const allows = policy.rules.filter(rule => rule.action === 'allow');
  if (allows.length === 0) return policy.default === 'allow';
  return allows.some(rule => rule.methods.length + rule.paths.length + rule.hosts.length === 0 && callerMatches(rule));
}

function applies(rule: AccessRule, { principal, method, path, authority }: AccessRequest): boolean {
  const { principals, methods, paths, hosts } = rule;
  if (principals.length > 0 && (principal === null || !(principals.includes('*') || principals.includes(principal))))
    return false;
  if (methods.length > 0 && !methods.includes(method)) return false;
  if (paths.length > 0 && !paths.some(pattern => matchesPattern(pattern, path))) return false;
  if (hosts.length === 0) return true;
  const host = hostOf(authority);
  const whole = authority.toLowerCase();
  return hosts.some(pattern => matchesPattern(pattern.toLowerCase(), host) || matchesPattern(pattern.toLowerCase(), whole));
}

function matchesPattern(pattern: string, value: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1));
  return pattern === value;
}
