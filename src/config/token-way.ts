import type { GatewayConfig, ServiceConfig, TokenIssuerConfig } from './mesh-config.ts';
import { speaksOnlyTcp } from './protocol.ts';
import { destinationsOf } from './rule-destinations.ts';

/** Whether a service or gateway looks for the tokens of an issuer. */
export function looksForTokens({ to }: Pick<TokenIssuerConfig, 'to'>, name: string): boolean {
  return to.length === 0 || to.includes(name);
}

/** Where the rules of a gateway lead, told apart by who looks for the issuer's tokens himself, tells his app of them and takes them out. */
export function behindGateway(
  issuer: Pick<TokenIssuerConfig, 'to'>,
  { routes }: Pick<GatewayConfig, 'routes'>,
  services: readonly ServiceConfig[],
): { readonly looking: readonly string[]; readonly others: readonly string[] } {
  const names = [
    ...new Set(routes.flatMap(rule => [...destinationsOf(rule), ...(rule.mirrors ?? [])].map(({ service }) => service))),
  ];
  const looks = (name: string): boolean => {
    const service = services.find(one => one.name === name);
    return service !== undefined && !speaksOnlyTcp(service) && looksForTokens(issuer, name);
  };
  return { looking: names.filter(looks), others: names.filter(name => !looks(name)) };
}
