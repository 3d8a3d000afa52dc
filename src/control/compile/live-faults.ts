import type { Fault } from '../../snapshot/route-rule.ts';
import type { LiveFault } from '../live-fault.ts';
import type { RuleScope } from './route.ts';

/** Finds the live faults of a rule of `owner` (a service, or `null` for a gateway's): those on its owner, and on the services it leads to. */
export function liveFaultsFor(faults: readonly LiveFault[], owner: string | null): RuleScope['liveFaults'] {
  if (faults.length === 0) return () => [];
  return (rule, services) =>
    faults
      .filter(({ service, route }) => (route === null || route === rule) && (service === owner || services.includes(service)))
      .map(({ id, fault }): Fault => ({ ...fault, id }));
}
