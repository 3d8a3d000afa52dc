/** Which tokens a listener looks for, and with which keys it checks them. */
import type { GatewayConfig, MeshConfig, TokenIssuerConfig } from '../../config/mesh-config.ts';
import { destinationsOf } from '../../config/rule-destinations.ts';
import type { TokenIssuer } from '../../snapshot/token-policy.ts';

/** Keys that the daemon fetched, by URL. */
export type IssuerKeys = ReadonlyMap<string, TokenIssuer['keys']>;

/** The issuers that a service's sidecar looks for; empty: none. */
export function serviceTokens({ tokens = [] }: MeshConfig, service: string, keys: IssuerKeys): readonly TokenIssuer[] {
  return tokens.filter(issuer => looksFor(issuer, service)).map(issuer => compileIssuer(issuer, keys, issuer.forward));
}

/**
 * The issuers that a gateway looks for. The token goes on to services that look for it themselves: they tell their app what it says, ask it for their rules, and
 * take it out.
 */
export function gatewayTokens(
  { tokens = [], services }: MeshConfig,
  gateway: GatewayConfig,
  keys: IssuerKeys,
): readonly TokenIssuer[] {
  const destinations = new Set(
    gateway.routes.flatMap(rule => [...destinationsOf(rule), ...(rule.mirrors ?? [])].map(({ service }) => service)),
  );
  const inside = new Set(services.map(({ name }) => name));
  return tokens
    .filter(issuer => looksFor(issuer, gateway.name))
    .map(issuer => {
      const takenOutThere = [...destinations].every(service => inside.has(service) && looksFor(issuer, service));
      return compileIssuer(issuer, keys, issuer.forward || takenOutThere);
    });
}

/** Whether an issuer's `to` names the service: not just any service that may speak HTTP. */
export function isNamed({ tokens = [] }: MeshConfig, service: string): boolean {
  return tokens.some(({ to }) => to.includes(service));
}

function looksFor({ to }: TokenIssuerConfig, name: string): boolean {
  return to.length === 0 || to.includes(name);
}

function compileIssuer({ to: _, keys: from, ...issuer }: TokenIssuerConfig, keys: IssuerKeys, forward: boolean): TokenIssuer {
  return { ...issuer, forward, keys: from.kind === 'here' ? from.keys : (keys.get(from.url) ?? []) };
}
