import type { RedirectAction, RouteRule } from '../../snapshot/route-rule.ts';
import type { LocalReply } from '../exchange/failure.ts';
import { reasonPhrase } from '../exchange/reason-phrase.ts';
import { pathOf } from '../route/path.ts';
import { compilePathRewrite } from '../route/path-rewrite.ts';
import type { RequestFilter } from './filter.ts';
import { composeEdits } from './header-edits.ts';

type Scheme = 'http' | 'https';
const ownPort: Readonly<Record<Scheme, number>> = { http: 80, https: 443 };

/** Sends the client elsewhere. */
export function redirectFilter(
  action: RedirectAction,
  { matches, responseHeaders }: Pick<RouteRule, 'matches' | 'responseHeaders'>,
): RequestFilter {
  const extra = composeEdits([responseHeaders])?.lines ?? '';
  const rewritten = action.path === undefined ? null : compilePathRewrite(action.path, matches);
  return (head, { scheme }, { matched }) => {
    const path = pathOf(head.target);
    const query = head.target.substring(path.length);
    const to = (rewritten === null ? path : rewritten(path, matched)) + query;
    return redirectReply(action.status, `${location(action, head.authority, scheme)}${to}`, extra);
  };
}

/** Sends clients of a plain port to the secure one, whatever the rules say. `port`: on the host. */
export function httpsRedirectFilter(port: number): RequestFilter {
  return ({ authority, target }) => redirectReply(301, location({ scheme: 'https', port }, authority, 'http') + target);
}

/** The answer that sends the client to a URL. `extra`: whole lines. */
function redirectReply(status: number, url: string, extra = ''): LocalReply {
  const lines = `location: ${url}\r\n${extra}`;
  return { status, reason: reasonPhrase(status), body: '', flag: '-', details: 'direct_response', close: false, lines, told: '' };
}

/**
 * Scheme and authority. A port that is the scheme's own is never added, but one that the client wrote stays, unless the rule says another one or it was only
 * the old scheme's own. @see Envoy, RouteEntryImplBase::newUri
 */
export function location(action: Pick<RedirectAction, 'scheme' | 'host' | 'port'>, authority: string, scheme: Scheme): string {
  const to = action.scheme ?? scheme;
  if (action.port !== undefined) {
    const host = action.host ?? withoutPort(authority);
    return `${to}://${host}${action.port === ownPort[to] ? '' : `:${action.port}`}`;
  }
  if (action.host !== undefined) return `${to}://${action.host}`;
  const implied = to !== scheme && authority.endsWith(`:${ownPort[scheme]}`);
  return `${to}://${implied ? withoutPort(authority) : authority}`;
}

function withoutPort(authority: string): string {
  return authority.replace(/:\d+$/, '');
}
