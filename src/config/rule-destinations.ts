import type { DestinationConfig, RouteRuleConfig } from './mesh-config.ts';

/** Where a rule leads; nowhere when it answers by itself. */
export function destinationsOf({ action }: Pick<RouteRuleConfig, 'action'>): readonly DestinationConfig[] {
  return action.kind === 'forward' ? action.split : [];
}
