import type { TokenIssuer, TokenPlace } from '../../snapshot/token-policy.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** A token of a request, and whose it may be. */
export interface FoundToken {
  readonly text: string;
  /** Issuers that look at one of the places where it was. */
  readonly issuers: readonly string[];
  readonly places: readonly Place[];
}

/** A place as it is looked at. */
interface Place {
  readonly issuers: string[];
  /** What stands there, once for each time that it is there. */
  read(head: RequestHead): readonly string[];
  /** Takes it out. */
  strip(head: RequestHead): void;
}

/** Where tokens are looked for in requests. */
export class TokenPlaces {
  readonly #places: readonly Place[];

  constructor(issuers: readonly TokenIssuer[]) {
    const places = new Map<string, Place>();
    for (const { issuer, from } of issuers) {
      for (const place of from) {
        const key = JSON.stringify(place);
        const entry = places.get(key) ?? compilePlace(place);
        entry.issuers.push(issuer);
        places.set(key, entry);
      }
    }
    this.#places = [...places.values()];
  }

  /** The request's token, `null` where it has none, `several` where it has different ones: nobody could say which of them counts. */
  find(head: RequestHead): FoundToken | 'several' | null {
    let found: FoundToken | null = null;
    for (const place of this.#places) {
      const texts = place.read(head);
      for (let i = 0; i < texts.length; i++) {
        const text = texts[i] as string;
        if (found === null) found = { text, issuers: place.issuers, places: [place] };
        else if (found.text !== text) return 'several';
        else if (i === 0) found = { text, issuers: [...found.issuers, ...place.issuers], places: [...found.places, place] };
      }
    }
    return found;
  }
}

const none: readonly string[] = [];

function compilePlace(place: TokenPlace): Place {
  const { kind, name } = place;
  switch (kind) {
    case 'header': {
      const after = afterPrefix(place.prefix);
      return { issuers: [], read: head => each(head.values(name), after), strip: head => head.set(name, null) };
    }
    case 'cookie':
      return {
        issuers: [],
        read: head => each(head.values('cookie'), line => cookieValues(line, name)),
        strip: head => head.set('cookie', withoutCookie(head.values('cookie').join(';'), name)),
      };
    case 'query':
      return {
        issuers: [],
        read: head => (head.target.includes('?') ? parameterValues(queryOf(head), name) : none),
        strip: head => head.setQuery(withoutParameter(queryOf(head), name)),
      };
  }
}

/** One line is the rule. */
function each(values: readonly string[], read: (value: string) => readonly string[]): readonly string[] {
  const [only] = values;
  return only === undefined ? none : values.length === 1 ? read(only) : values.flatMap(read);
}

/** `Bearer` in any case, and any space after it: what an app would understand must not pass unseen. */
function afterPrefix(prefix: string): (value: string) => readonly string[] {
  const word = prefix.trimEnd();
  const folded = word.toLowerCase();
  const spaced = word !== prefix;
  return value => {
    if (!value.startsWith(word) && value.slice(0, word.length).toLowerCase() !== folded) return none;
    const next = value.charCodeAt(word.length);
    if (spaced && next !== 32 && next !== 9) return none;
    const text = value.slice(word.length).trim();
    return text === '' ? none : [text];
  };
}

function cookieValues(line: string, name: string): readonly string[] {
  return line.split(';').flatMap(pair => {
    const equals = pair.indexOf('=');
    if (equals < 0 || pair.slice(0, equals).trim() !== name) return none;
    const value = pair
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
    return value === '' ? none : [value];
  });
}

/** `null`: no cookie is left. */
function withoutCookie(line: string, name: string): string | null {
  const pairs = line.split(';').map(pair => pair.trim());
  const others = pairs.filter(pair => pair !== '' && pair.split('=', 1)[0]?.trim() !== name);
  return others.length === 0 ? null : others.join('; ');
}

function queryOf({ target }: RequestHead): string {
  const start = target.indexOf('?');
  return start < 0 ? '' : target.slice(start + 1);
}

function parameterValues(query: string, name: string): readonly string[] {
  return query.split('&').flatMap(pair => {
    const equals = pair.indexOf('=');
    return equals < 0 || equals + 1 === pair.length || nameOf(pair) !== name ? none : [decode(pair.slice(equals + 1))];
  });
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
