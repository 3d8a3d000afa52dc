import type { Decision } from '../exchange/exchange-role.ts';
import type { Caller } from '../filters/filter.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { decodedPath, pathOf } from '../route/path.ts';
import type { VerifiedToken } from '../token/verified-token.ts';
import type { AccessRequest } from './access-request.ts';

const none: readonly string[] = [];

/** The request whose head was just read, as rules ask about it. One object is used again for all requests: it is asked before the next head is read. */
export class HeadRequest implements AccessRequest {
  #head: RequestHead | null = null;
  #path: string | null = null;
  token: VerifiedToken | null = null;
  remoteAddress = '';

  /** Begins with a request whose path is normalised. */
  of(head: RequestHead, caller: Caller, decision: Decision): this {
    this.#head = head;
    this.#path = null;
    this.token = decision.token;
    this.remoteAddress = decision.clientAddress || caller.address;
    return this;
  }

  get method(): string {
    return this.#head?.method ?? '';
  }

  get authority(): string {
    return this.#head?.authority ?? '';
  }

  /** The app decodes what normalisation had to leave encoded: `/a%3Ab` is `/a:b` to it. */
  get path(): string {
    this.#path ??= decodedPath(pathOf(this.#head?.target ?? ''));
    return this.#path;
  }

  header(name: string): readonly string[] {
    if (this.#head === null) return none;
    return name === 'host' || name === ':authority' ? [this.#head.authority] : this.#head.values(name);
  }

  query(name: string): readonly string[] {
    const target = this.#head?.target ?? '';
    const start = target.indexOf('?');
    if (start < 0) return none;
    const query = target.slice(start + 1);
    const found = parameters(query.split('&'), name);
    // Older servers end parameters there too.
    if (query.includes(';')) found.push(...parameters(query.split(/[&;]/), name));
    return found.length < 2 ? found : [...new Set(found)];
  }
}

function parameters(pairs: readonly string[], name: string): string[] {
  const found: string[] = [];
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (decoded(equals < 0 ? pair : pair.slice(0, equals)) === name)
      found.push(equals < 0 ? '' : decoded(pair.slice(equals + 1)));
  }
  return found;
}

function decoded(text: string): string {
  return decodedPath(text.replaceAll('+', ' '));
}
