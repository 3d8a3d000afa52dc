/** Which tokens a listener looks for, and with which keys it checks them. */
import type { GatewayConfig, MeshConfig, TokenIssuerConfig } from '../../config/mesh-config.ts';
import { behindGateway, looksForTokens } from '../../config/token-way.ts';
import type { TokenIssuer } from '../../snapshot/token-policy.ts';

/** Keys that the daemon fetched, by URL. */
export type IssuerKeys = ReadonlyMap<string, TokenIssuer['keys']>;

/** The issuers that a service's sidecar looks for; empty: none. */
export function serviceTokens({ tokens = [] }: MeshConfig, service: string, keys: IssuerKeys): readonly TokenIssuer[] {
  return tokens.filter(issuer => looksForTokens(issuer, service)).map(issuer => compileIssuer(issuer, keys, issuer.forward));
}

/** The issuers that a gateway looks for. Where all services behind it look for the token too, it goes on to them. */
export function gatewayTokens(
  { tokens = [], services }: MeshConfig,
  gateway: GatewayConfig,
  keys: IssuerKeys,
): readonly TokenIssuer[] {
  return tokens
    .filter(issuer => looksForTokens(issuer, gateway.name))
    .map(issuer => compileIssuer(issuer, keys, issuer.forward || behindGateway(issuer, gateway, services).others.length === 0));
}

/** Whether an issuer's `to` names the service: not just any service that may speak HTTP. */
export function isNamed({ tokens = [] }: MeshConfig, service: string): boolean {
  return tokens.some(({ to }) => to.includes(service));
}

function compileIssuer({ to: _, keys: from, ...issuer }: TokenIssuerConfig, keys: IssuerKeys, forward: boolean): TokenIssuer {
  return { ...issuer, forward, keys: from.kind === 'here' ? from.keys : (keys.get(from.url) ?? []) };
}
