import type { ExternalAuthorizer } from '../../snapshot/access-policy.ts';
import type { LocalReply } from '../exchange/failure.ts';
import { reasonPhrase } from '../exchange/reason-phrase.ts';
import { bit, field } from '../http1/known-field.ts';
import type { ResponseHead } from '../http1/response-head.ts';

/** What an authorizer says of a request. `fields`: what the request's fields of these names are from now on, `null`: there is none. */
export type Answer =
  | { readonly kind: 'allowed'; readonly fields: readonly (readonly [name: string, value: string | null])[] }
  | { readonly kind: 'denied'; readonly reply: LocalReply };

/** Of an answer's head, what the sidecar says itself. */
const ownOfAnswer: number =
  bit(field.contentLength) |
  bit(field.contentType) |
  bit(field.trailer) |
  bit(field.meshReason) |
  bit(field.serviceTime) |
  bit(field.proxyAuthenticate);
/** What a client needs to understand a refusal, whatever the authorizer's list says. */
const always: ReadonlySet<string> = new Set(['www-authenticate', 'location']);

/** The fields that a yes sets: all that may be, so that no client can fill in what the authorizer left out. */
export function fieldsOf(head: ResponseHead | null, names: readonly string[]): readonly (readonly [string, string | null])[] {
  return names.map(name => [name, head === null ? null : joinedOf(head, name)] as const);
}

function joinedOf(head: ResponseHead, name: string): string | null {
  const lines = head.select(0, found => found === name).split('\r\n');
  const values = lines.slice(0, -1).map(line => line.slice(line.indexOf(':') + 1).trim());
  return values.length === 0 ? null : values.join(', ');
}

/** A refusal without its body, which comes later. `encoded`: it is in a coding that nobody asked for, and cannot be passed on. */
export interface DenialHead {
  readonly reply: LocalReply;
  readonly encoded: boolean;
}

/** Reads a refusal's head. */
export function denialOf(head: ResponseHead, { addsToAnswer }: ExternalAuthorizer): DenialHead {
  const encoded = (head.named('content-encoding') ?? 'identity') !== 'identity';
  const contentType = head.value(field.contentType);
  const wanted = (name: string): boolean =>
    !name.startsWith('grpc-') &&
    name !== 'content-encoding' &&
    (addsToAnswer.length === 0 || addsToAnswer.includes(name) || always.has(name));
  return {
    encoded,
    reply: {
      status: head.status,
      reason: reasonPhrase(head.status),
      body: '',
      flag: 'UAEX',
      details: 'ext_authz_denied',
      close: false,
      lines: head.select(ownOfAnswer, wanted),
      ...(contentType === '' ? {} : { contentType }),
    },
  };
}

/** The answer where the authorizer gave none. */
export function unanswered(status: number): LocalReply {
  return { status, reason: reasonPhrase(status), body: '', flag: 'UAEX', details: 'ext_authz_error', close: false };
}
