import type { AccessPolicy, AccessRule } from '../../snapshot/snapshot.ts';
import type { PeerIdentity } from '../data-plane.ts';

/**
 * Judges a raw TCP connection. Only the caller is known: an allow rule that asks for anything of HTTP never matches, a deny rule has that part
 * ignored, so it may deny more than it would over HTTP (Istio's reading).
 * @returns the name of the rule that denied, `none` when no allow rule matched, `null` when allowed
 */
export function tcpDenial(policy: AccessPolicy | null, peer: PeerIdentity | null): string | null {
  if (policy === null) return null;
  const denies = policy.rules.find(rule => rule.action === 'deny' && callerMatches(rule, peer));
  if (denies !== undefined) return denies.name;
  const allows = policy.rules.filter(rule => rule.action === 'allow');
  if (allows.length === 0 && policy.default === 'allow') return null;
  const isTcp = (rule: AccessRule): boolean => rule.methods.length === 0 && rule.paths.length === 0 && rule.hosts.length === 0;
  return allows.some(rule => isTcp(rule) && callerMatches(rule, peer)) ? null : 'none';
}

function callerMatches(rule: AccessRule, peer: PeerIdentity | null): boolean {
  if (rule.principals.length === 0) return true;
  return peer !== null && rule.principals.some(principal => principal === '*' || principal === peer.spiffeId);
}
