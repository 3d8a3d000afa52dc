import type { RespondAction, RouteRule } from '../../snapshot/route-rule.ts';
import type { LocalReply } from '../exchange/failure.ts';
import { reasonPhrase } from '../exchange/reason-phrase.ts';
import type { RequestFilter } from './filter.ts';
import { composeEdits, oneLine } from './header-edits.ts';

/** Answers in place of a service. */
export function respondFilter(
  { status, body, contentType }: RespondAction,
  { responseHeaders }: Pick<RouteRule, 'responseHeaders'>,
): RequestFilter {
  const isType = ({ name }: { readonly name: string }): boolean => name === 'content-type';
  const edits =
    responseHeaders === undefined
      ? null
      : composeEdits([{ ...responseHeaders, set: responseHeaders.set.filter(item => !isType(item)) }]);
  const reply: LocalReply = {
    status,
    reason: reasonPhrase(status),
    body,
    contentType: oneLine(responseHeaders?.set.findLast(isType)?.value ?? contentType),
    flag: '-',
    details: 'direct_response',
    close: false,
    lines: edits?.lines ?? '',
    told: '',
  };
  return () => reply;
}
