import type { RouteRuleConfig } from '../../config/mesh-config.ts';
import type { Fault } from '../../snapshot/route-rule.ts';
import type { OutboundListener } from '../../snapshot/snapshot.ts';
import { compileTcp, faultsOf, type RuleScope, tcpRule } from './route.ts';

/** Where raw TCP of a listener goes; `whole`: the cluster without a rule. Raw TCP has no answer, so it cannot be aborted with one. */
export function compileTcpSide(
  routes: readonly RouteRuleConfig[],
  service: string,
  whole: () => string,
  scope: RuleScope,
): Pick<OutboundListener, 'tcp' | 'tcpFaults'> {
  const rule = tcpRule(routes, scope);
  const faults = rule === null ? scope.liveFaults('default', [service]) : faultsOf(rule, scope);
  return {
    tcp: rule === null ? [{ cluster: whole(), weight: 1 }] : compileTcp(rule, scope),
    ...withoutAborts(faults),
  };
}

/** Raw TCP has no answer, so it cannot be aborted with one. */
export function withoutAborts(faults: readonly Fault[]): { readonly tcpFaults?: readonly Fault[] } {
  const tcpFaults = faults.filter(fault => fault.kind !== 'abort');
  return tcpFaults.length === 0 ? {} : { tcpFaults };
}
