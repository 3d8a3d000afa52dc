import { anyUnit, type CharSet, charSet, digits, foldCase, invert, lineEnds, spaces, wordUnits } from './char-set.ts';

/** A regular expression as a tree. */
export type PatternNode =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly item: PatternNode; readonly min: number; readonly max: number; readonly greedy: boolean }
  | { readonly kind: 'group'; readonly item: PatternNode; readonly index: number }
  | { readonly kind: 'assert'; readonly what: Assertion };

/** A condition on a place between two characters. */
export type Assertion = 'start' | 'end' | 'line-start' | 'line-end' | 'word-edge' | 'no-word-edge';

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

/**
 * Reads a pattern in JavaScript's syntax, without what only backtracking can match. A leading `(?i)` is RE2's.
 * @throws SyntaxError
 */
export function parsePattern(source: string): PatternNode {
  const insensitive = source.startsWith('(?i)');
  const body = insensitive ? source.slice(4) : source;
  // JavaScript judges the syntax; the reader below may then rely on it.
  new RegExp(body, 's');
  return new Reader(body, { i: insensitive, m: false, s: true }).read();
}

const escapes: Readonly<Record<string, CharSet>> = {
  d: digits,
  D: invert(digits),
  w: wordUnits,
  W: invert(wordUnits),
  s: spaces,
  S: invert(spaces),
};
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 };

/** Recursive descent. Only for what `new RegExp` accepts: errors of form are not looked for again. */
class Reader {
  readonly #text: string;
  #at = 0;
  #groups = 0;
  #flags: Flags;

  constructor(text: string, flags: Flags) {
    this.#text = text;
    this.#flags = flags;
  }

  read(): PatternNode {
    const items = [this.#sequence()];
    while (this.#eat('|')) items.push(this.#sequence());
    const [only] = items;
    return only !== undefined && items.length === 1 ? only : { kind: 'choice', items };
  }

  #sequence(): PatternNode {
    const items: PatternNode[] = [];
    while (this.#at < this.#text.length && !this.#sees('|') && !this.#sees(')')) items.push(this.#quantified(this.#term()));
    const [only] = items;
    return only !== undefined && items.length === 1 ? only : { kind: 'sequence', items };
  }

  #quantified(item: PatternNode): PatternNode {
    const found = /(?:([*+?])|\{(\d+)(,?)(\d*)\})(\??)/y;
    found.lastIndex = this.#at;
    const parts = found.exec(this.#text);
    if (parts === null) return item;
    this.#at = found.lastIndex;
    const [, sign, low, comma, high, lazy] = parts;
    const greedy = lazy === '';
    if (sign !== undefined)
      return { kind: 'repeat', item, min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Number.POSITIVE_INFINITY, greedy };
    const min = Number(low);
    const max = comma === '' ? min : high === '' ? Number.POSITIVE_INFINITY : Number(high);
    return { kind: 'repeat', item, min, max, greedy };
  }

  #term(): PatternNode {
    const char = this.#text[this.#at++] ?? '';
    switch (char) {
      case '^':
        return { kind: 'assert', what: this.#flags.m ? 'line-start' : 'start' };
      case '$':
        return { kind: 'assert', what: this.#flags.m ? 'line-end' : 'end' };
      case '.':
        return { kind: 'set', set: this.#flags.s ? anyUnit : invert(lineEnds) };
      case '(':
        return this.#group();
      case '[':
        return this.#set(this.#class());
      case '\\':
        if (this.#eat('b')) return { kind: 'assert', what: 'word-edge' };
        if (this.#eat('B')) return { kind: 'assert', what: 'no-word-edge' };
        if (/[1-9]/.test(this.#next())) throw new SyntaxError('back references are not supported');
        return this.#set(this.#escape(false));
      default:
        return this.#set(charSet(char.charCodeAt(0)));
    }
  }

  #set(set: CharSet): PatternNode {
    return { kind: 'set', set: this.#flags.i ? foldCase(set) : set };
  }

  #group(): PatternNode {
    const before = this.#flags;
    let index = 0;
    if (!this.#eat('?')) index = ++this.#groups;
    else if (/^<?[=!]/.test(this.#text.slice(this.#at, this.#at + 2))) throw new SyntaxError('looking around is not supported');
    else if (this.#eat('<')) {
      this.#at = this.#text.indexOf('>', this.#at) + 1;
      index = ++this.#groups;
    } else {
      const colon = this.#text.indexOf(':', this.#at);
      const [on = '', off = ''] = this.#text.slice(this.#at, colon).split('-');
      const flag = (name: 'i' | 'm' | 's'): boolean => (before[name] || on.includes(name)) && !off.includes(name);
      this.#flags = { i: flag('i'), m: flag('m'), s: flag('s') };
      this.#at = colon + 1;
    }
    const item = this.read();
    this.#at++;
    this.#flags = before;
    return index === 0 ? item : { kind: 'group', item, index };
  }

  #class(): CharSet {
    const negated = this.#eat('^');
    const ranges: number[] = [];
    while (!this.#eat(']')) {
      const first = this.#classAtom();
      if (this.#sees('-') && this.#text[this.#at + 1] !== ']') {
        this.#at++;
        const last = this.#classAtom();
        const [from, to] = [single(first), single(last)];
        // `[\d-x]`: the hyphen stands for itself.
        if (from === null || to === null) ranges.push(...first, 45, 45, ...last);
        else ranges.push(from, to);
      } else ranges.push(...first);
    }
    const set = charSet(...ranges);
    // Case counts before the negation: `(?i)[^a]` leaves out both.
    return negated ? invert(this.#flags.i ? foldCase(set) : set) : set;
  }

  #classAtom(): CharSet {
    if (this.#eat('\\')) return this.#escape(true);
    return charSet(this.#text.charCodeAt(this.#at++));
  }

  /** What follows a backslash. */
  #escape(inClass: boolean): CharSet {
    const char = this.#text[this.#at++] ?? '';
    const known = escapes[char];
    if (known !== undefined) return known;
    const control = controls[char];
    if (control !== undefined) return charSet(control);
    const rest = this.#text.slice(this.#at);
    const code = char === 'x' ? /^[\da-f]{2}/i.exec(rest) : char === 'u' ? /^[\da-f]{4}/i.exec(rest) : null;
    if (code !== null) {
      this.#at += code[0].length;
      return charSet(Number.parseInt(code[0], 16));
    }
    if (char === 'c') {
      if (!(inClass ? /^\w/ : /^[a-z]/i).test(rest)) {
        this.#at--;
        return charSet(92);
      }
      return charSet(this.#text.charCodeAt(this.#at++) % 32);
    }
    if (inClass && char === 'b') return charSet(8);
    const octal = /^(?:[0-3][0-7]{0,2}|[4-7][0-7]?)/.exec(char + rest);
    if (octal !== null) {
      this.#at += octal[0].length - 1;
      return charSet(Number.parseInt(octal[0], 8));
    }
    return charSet(char.charCodeAt(0));
  }

  #next(): string {
    return this.#text[this.#at] ?? '';
  }

  #sees(char: string): boolean {
    return this.#text[this.#at] === char;
  }

  #eat(char: string): boolean {
    if (!this.#sees(char)) return false;
    this.#at++;
    return true;
  }
}

function single(set: CharSet): number | null {
  return set.length === 2 && set[0] === set[1] ? (set[0] ?? null) : null;
}
