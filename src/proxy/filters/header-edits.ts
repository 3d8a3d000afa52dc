import type { HeaderEdits } from '../../snapshot/route-rule.ts';
import type { Decision } from '../exchange/exchange-role.ts';
import { isAuthority } from '../http1/authority.ts';
import { bit, field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';

/** Edits of a head put together: what goes, and whole lines that come. */
export interface ComposedEdits {
  readonly drop: readonly string[];
  readonly lines: string;
  /** Which of the fields that the sidecar adds by itself are concerned. */
  readonly own: number;
}

/** The connection's and the framing's: a rule that changed them would change where a message ends. `host` is rewritten, not edited. */
export const untouchable: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'x-envoy-attempt-count',
]);

const ownFields: Readonly<Record<string, number>> = {
  'x-request-id': bit(field.requestId),
  'x-forwarded-client-cert': bit(field.clientCert),
  'x-forwarded-for': bit(field.forwardedFor),
  'x-forwarded-proto': bit(field.forwardedProto),
};

/**
 * Puts edits together as if they were made one after the other, each removing first, then setting, then adding. `null` when nothing is left to do.
 * All of it happens when a table is made: a request costs one look for each name that goes, and one text.
 */
export function composeEdits(edits: readonly (HeaderEdits | undefined)[]): ComposedEdits | null {
  const drop = new Set<string>();
  let fields: { readonly name: string; readonly value: string }[] = [];
  for (const edit of edits) {
    if (edit === undefined) continue;
    const gone = new Set([...edit.remove, ...edit.set.map(({ name }) => name)].filter(name => !untouchable.has(name)));
    for (const name of gone) drop.add(name);
    fields = fields.filter(({ name }) => !gone.has(name));
    // Of one name the last one set counts.
    const set = new Map(edit.set.map(item => [item.name, item]));
    fields.push(...[...set.values(), ...edit.add].filter(({ name }) => !untouchable.has(name)));
  }
  if (drop.size === 0 && fields.length === 0) return null;
  let own = 0;
  for (const name of drop) own |= ownFields[name] ?? 0;
  return { drop: [...drop], lines: fields.map(({ name, value }) => `${name}: ${oneLine(value)}\r\n`).join(''), own };
}

/** The authority that edits of a request set, `undefined` for none. */
export function hostOfEdits(edits: HeaderEdits | undefined): string | undefined {
  const host = edits?.set.findLast(({ name }) => name === 'host')?.value;
  return host !== undefined && isAuthority(host) ? host : undefined;
}

/** Edits the request's head. */
export function editRequest(edits: ComposedEdits, head: RequestHead, decision: Decision): void {
  for (const name of edits.drop) head.drop(name);
  decision.lines += edits.lines;
  decision.replaced |= edits.own;
}

/** Edits of an answer in the form of `Decision.editAnswer`; `null` for none. */
export function answerEditor(edits: ComposedEdits | null): Decision['editAnswer'] {
  if (edits === null) return null;
  const { drop, lines } = edits;
  return (head: ResponseHead) => {
    for (const name of drop) head.drop(name);
    return lines;
  };
}

/** A value from the configuration as the bytes of UTF-8, which is how heads hold text; what could end the line or the message is left out. */
export function oneLine(value: string): string {
  return Buffer.from(value)
    .toString('latin1')
    .replace(/[\0-\x08\x0a-\x1f\x7f]/g, '');
}
