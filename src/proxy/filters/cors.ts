import { compilePattern } from '../../pattern/pattern.ts';
import type { CorsPolicy, TextMatch } from '../../snapshot/route-rule.ts';
import type { LocalReply } from '../exchange/failure.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { RequestFilter } from './filter.ts';
import { oneLine } from './header-edits.ts';

/** Fields of an answer that are this filter's: the service's own are taken out, browsers refuse two. */
export const corsAnswerFields: readonly string[] = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
];

/**
 * Answers preflights and marks the other answers for pages of the origins that may call. Requests of other origins pass unmarked: the browser keeps the
 * answer from the page. @see Envoy, CORS filter; https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export function corsFilter(policy: CorsPolicy): RequestFilter {
  const allows = compileOrigins(policy.allowOrigins);
  const credentials = policy.allowCredentials ? 'access-control-allow-credentials: true\r\n' : '';
  const exposed =
    policy.exposeHeaders.length === 0 ? '' : `access-control-expose-headers: ${oneLine(policy.exposeHeaders.join(','))}\r\n`;
  const maxAge = policy.maxAgeSeconds === undefined ? '' : `access-control-max-age: ${policy.maxAgeSeconds}\r\n`;
  return (head, _, decision) => {
    const origin = head.named('origin');
    if (origin === null || origin === '') return null;
    const asked = head.method === 'OPTIONS' ? head.named('access-control-request-method') : null;
    const preflight = asked !== null && asked !== '';
    if (!allows(origin)) return preflight && policy.unmatchedPreflights === 'ignore' ? preflightReply('') : null;
    const lines = `access-control-allow-origin: ${origin}\r\n${credentials}vary: Origin\r\n${exposed}`;
    if (!preflight) {
      decision.answerLines += lines;
      return null;
    }
    const methods = allowed('access-control-allow-methods', policy.allowMethods, asked);
    const headers = allowed('access-control-allow-headers', policy.allowHeaders, requestedHeaders(head));
    return preflightReply(lines + methods + headers + maxAge);
  };
}

function requestedHeaders(head: RequestHead): string {
  return head.named('access-control-request-headers') ?? '';
}

/** `*` says what was asked for: with credentials browsers take a `*` for a name. */
function allowed(name: string, values: readonly string[], asked: string): string {
  const value = values.includes('*') ? asked : oneLine(values.join(','));
  return value === '' ? '' : `${name}: ${value}\r\n`;
}

function preflightReply(lines: string): LocalReply {
  return { status: 200, reason: 'OK', body: '', flag: '-', details: 'cors_response', close: false, lines, told: '' };
}

function compileOrigins(matches: readonly TextMatch[]): (origin: string) => boolean {
  const tests = matches.map(compileOrigin);
  return origin => tests.some(test => test(origin));
}

function compileOrigin({ kind, value }: TextMatch): (origin: string) => boolean {
  switch (kind) {
    case 'exact':
      return value === '*' ? () => true : origin => origin === value;
    case 'prefix':
      return origin => origin.startsWith(value);
    case 'regex': {
      const pattern = compilePattern(value);
      return origin => pattern.test(origin);
    }
  }
}
