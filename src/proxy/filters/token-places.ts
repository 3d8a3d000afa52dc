import type { TokenIssuer, TokenPlace } from '../../snapshot/token-policy.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** A token of a request, and whose it may be. */
export interface FoundToken {
  readonly text: string;
  /** Issuers that look at one of the places where it was. */
  readonly issuers: readonly string[];
}

interface Place {
  readonly place: TokenPlace;
  readonly issuers: readonly string[];
}

/** Where tokens are looked for in requests. */
export class TokenPlaces {
  readonly #places: readonly Place[];

  constructor(issuers: readonly TokenIssuer[]) {
    const places = new Map<string, { place: TokenPlace; issuers: string[] }>();
    for (const { issuer, from } of issuers) {
      for (const place of from) {
        const key = JSON.stringify(place);
        const entry = places.get(key) ?? { place, issuers: [] };
        entry.issuers.push(issuer);
        places.set(key, entry);
      }
    }
    this.#places = [...places.values()];
  }

  /** The request's token, `null` where it has none, `several` where it has different ones: nobody could say which of them counts. */
  find(head: RequestHead): FoundToken | 'several' | null {
    let found: FoundToken | null = null;
    for (const { place, issuers } of this.#places) {
      for (const text of textsAt(place, head)) {
        if (found !== null && found.text !== text) return 'several';
        found = { text, issuers: found === null ? issuers : [...found.issuers, ...issuers] };
      }
    }
    return found;
  }

  /** Takes the token out of the request. */
  strip(head: RequestHead): void {
    for (const { place } of this.#places) {
      if (textsAt(place, head).length === 0) continue;
      if (place.kind === 'header') head.set(place.name, null);
      else if (place.kind === 'cookie') head.set('cookie', withoutCookie(head.values('cookie').join(';'), place.name));
      else head.setQuery(withoutParameter(queryOf(head), place.name));
    }
  }
}

const none: readonly string[] = [];

/** What stands at a place, once for each time that it is there. */
function textsAt(place: TokenPlace, head: RequestHead): readonly string[] {
  switch (place.kind) {
    case 'header': {
      const values = head.values(place.name);
      return values.length === 0 ? none : values.flatMap(value => afterPrefix(value, place.prefix) ?? []);
    }
    case 'cookie': {
      const cookies = head.values('cookie');
      return cookies.length === 0
        ? none
        : cookies.flatMap(line => line.split(';')).flatMap(pair => cookieValue(pair, place.name));
    }
    case 'query': {
      const query = queryOf(head);
      return query === ''
        ? none
        : query.split('&').flatMap(pair => (nameOf(pair) === place.name ? decode(pair.slice(pair.indexOf('=') + 1)) : []));
    }
  }
}

/** `Bearer` in any case, and any space after it: what an app would understand must not pass unseen. */
function afterPrefix(value: string, prefix: string): string | null {
  const word = prefix.trimEnd();
  if (value.length < word.length || value.slice(0, word.length).toLowerCase() !== word.toLowerCase()) return null;
  const rest = value.slice(word.length);
  if (word !== prefix && !/^[ \t]/.test(rest)) return null;
  const text = rest.trim();
  return text === '' ? null : text;
}

function cookieValue(pair: string, name: string): readonly string[] {
  const equals = pair.indexOf('=');
  if (equals < 0 || pair.slice(0, equals).trim() !== name) return none;
  const value = pair
    .slice(equals + 1)
    .trim()
    .replace(/^"(.*)"$/, '$1');
  return value === '' ? none : [value];
}

function withoutCookie(line: string, name: string): string | null {
  const others = line
    .split(';')
    .map(pair => pair.trim())
    .filter(pair => pair !== '' && pair.split('=', 1)[0]?.trim() !== name);
  return others.length === 0 ? null : others.join('; ');
}

function queryOf({ target }: RequestHead): string {
  const start = target.indexOf('?');
  return start < 0 ? '' : target.slice(start + 1);
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return decode(equals < 0 ? pair : pair.slice(0, equals));
}

function withoutParameter(query: string, name: string): string {
  return query
    .split('&')
    .filter(pair => nameOf(pair) !== name)
    .join('&');
}

/** `+` stays: no token holds one, and none must become one by being read as a space. */
function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
