/**
 * The language of access log filters: `status >= 400 and not path startsWith /health`. Tests of one field each, joined by `and`, `or`, `not` and
 * parentheses; `and` binds closer than `or`. Read once, when the configuration is; what it comes to is asked for every line and makes nothing.
 */
import { escapeLine } from './escape.ts';

/** The fields, and what they are compared with. */
export const accessFields = {
  status: 'number',
  duration: 'duration',
  received: 'number',
  sent: 'number',
  method: 'text',
  path: 'text',
  host: 'text',
  protocol: 'text',
  caller: 'text',
  called: 'text',
  route: 'text',
  flag: 'text',
  details: 'text',
  agent: 'text',
  id: 'text',
} as const;

/** Name of a field. */
export type AccessField = keyof typeof accessFields;

/** Reads one field: numbers as they are, durations in ms, texts empty where nothing is known. */
export type AccessReader<T> = (entry: T, field: AccessField) => string | number;

/** What is wrong with a filter. `at`: index of the first character that does not fit. */
export interface FilterProblem {
  readonly problem: string;
  readonly hint: string;
  readonly at: number;
}

/** A filter that was read. */
export type AccessFilter =
  | { readonly kind: 'and' | 'or'; readonly left: AccessFilter; readonly right: AccessFilter }
  | { readonly kind: 'not'; readonly filter: AccessFilter }
  | { readonly kind: 'test'; readonly field: AccessField; readonly operator: string; readonly value: string | number };

interface Token {
  readonly text: string;
  readonly at: number;
  readonly quoted: boolean;
}

const maxLength = 1_000;
const maxDepth = 32;
const orders = ['==', '!=', '<', '<=', '>', '>='];
const textOperators = ['==', '!=', 'startsWith', 'endsWith', 'contains'];
const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Reads a filter, or says what is wrong with it. */
export function parseFilter(source: string): AccessFilter | FilterProblem {
  if (source.length > maxLength)
    return { problem: `the filter is ${source.length} characters long`, hint: `at most ${maxLength}`, at: 0 };
  try {
    return new Parser(source).all();
  } catch (error) {
    if (error instanceof Misfit) return error.found;
    throw error;
  }
}

/** Whether reading came to a problem. */
export function isFilterProblem(value: AccessFilter | FilterProblem): value is FilterProblem {
  return 'problem' in value;
}

/** The filter as a function. */
export function compileFilter<T>(filter: AccessFilter, read: AccessReader<T>): (entry: T) => boolean {
  if (filter.kind === 'not') {
    const inner = compileFilter(filter.filter, read);
    return entry => !inner(entry);
  }
  if (filter.kind !== 'test') {
    const left = compileFilter(filter.left, read);
    const right = compileFilter(filter.right, read);
    return filter.kind === 'and' ? entry => left(entry) && right(entry) : entry => left(entry) || right(entry);
  }
  const { field, operator, value } = filter;
  return typeof value === 'string'
    ? textTest(operator, value, entry => read(entry, field) as string)
    : orderTest(operator, value, entry => read(entry, field) as number);
}

function textTest<T>(operator: string, value: string, read: (entry: T) => string): (entry: T) => boolean {
  switch (operator) {
    case '==':
      return entry => read(entry) === value;
    case '!=':
      return entry => read(entry) !== value;
    case 'startsWith':
      return entry => read(entry).startsWith(value);
    case 'endsWith':
      return entry => read(entry).endsWith(value);
    default:
      return entry => read(entry).includes(value);
  }
}

function orderTest<T>(operator: string, value: number, read: (entry: T) => number): (entry: T) => boolean {
  switch (operator) {
    case '==':
      return entry => read(entry) === value;
    case '!=':
      return entry => read(entry) !== value;
    case '<':
      return entry => read(entry) < value;
    case '<=':
      return entry => read(entry) <= value;
    case '>':
      return entry => read(entry) > value;
    default:
      return entry => read(entry) >= value;
  }
}

/** Ends the reading. */
class Misfit extends Error {
  readonly found: FilterProblem;

  constructor(found: FilterProblem) {
    super(found.problem);
    this.found = found;
  }
}

/** By recursive descent. */
class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: Token;
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#tokens = tokensOf(source);
    this.#end = { text: '', at: source.length, quoted: false };
  }

  all(): AccessFilter {
    const filter = this.#or();
    const rest = this.#peek();
    if (rest !== this.#end) misfit(rest, `${quote(rest)} does not belong here`, 'join tests with `and` or `or`');
    return filter;
  }

  #or(): AccessFilter {
    let left = this.#and();
    while (this.#takes('or')) left = { kind: 'or', left, right: this.#and() };
    return left;
  }

  #and(): AccessFilter {
    let left = this.#not();
    while (this.#takes('and')) left = { kind: 'and', left, right: this.#not() };
    return left;
  }

  #not(): AccessFilter {
    const at = this.#peek();
    if (++this.#depth > maxDepth) misfit(at, 'the filter is nested too deep', `at most ${maxDepth} levels`);
    const filter = this.#one();
    this.#depth--;
    return filter;
  }

  #one(): AccessFilter {
    if (this.#takes('not')) return { kind: 'not', filter: this.#not() };
    if (!this.#takes('(')) return this.#test();
    const filter = this.#or();
    if (!this.#takes(')')) misfit(this.#peek(), 'a parenthesis is not closed', 'write `)`');
    return filter;
  }

  #test(): AccessFilter {
    const name = this.#take();
    const field = Object.hasOwn(accessFields, name.text) && !name.quoted ? (name.text as AccessField) : null;
    const known = Object.keys(accessFields).join(', ');
    if (field === null)
      return misfit(name, name === this.#end ? 'a test is missing' : `${quote(name)} is not a field`, `one of ${known}`);
    const kind = accessFields[field];
    const operators = kind === 'text' ? textOperators : orders;
    const operator = this.#take();
    if (!operators.includes(operator.text))
      misfit(operator, `${quote(operator)} does not compare \`${field}\``, `one of ${operators.join(' ')}`);
    const written = this.#take();
    if (written === this.#end || (!written.quoted && /^[()]$/.test(written.text)))
      misfit(
        written,
        `\`${field} ${operator.text}\` lacks its value`,
        kind === 'text' ? 'write a word, or a text in quotes' : example(kind),
      );
    return { kind: 'test', field, operator: operator.text, value: kind === 'text' ? textOf(written) : numberOf(written, kind) };
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? this.#end;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #takes(word: string): boolean {
    const token = this.#peek();
    if (token.quoted || token.text !== word) return false;
    this.#next++;
    return true;
  }
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  const form = /\s*(?:"([^"]*)"|'([^']*)'|([()]|[=!]=|[<>]=?|[^\s()"'=!<>]+))|\s*(\S)/y;
  for (let match = form.exec(source); match !== null; match = form.exec(source)) {
    const [whole, double, single, word, stray] = match;
    const at = match.index + (whole.length - whole.trimStart().length);
    if (stray !== undefined) {
      const hint = /["']/.test(stray)
        ? 'close the quote'
        : `compare with one of ${orders.join(' ')}; texts with such characters go in quotes`;
      throw new Misfit({ problem: `\`${escapeLine(stray)}\` does not belong here`, hint, at });
    }
    tokens.push({ text: double ?? single ?? word ?? '', at, quoted: word === undefined });
  }
  return tokens;
}

/** `-` stands where a log line has nothing. */
function textOf({ text, quoted }: Token): string {
  return text === '-' && !quoted ? '' : text;
}

function numberOf(token: Token, kind: 'number' | 'duration'): number {
  const [, digits = '', unit = ''] = /^(\d{1,12}(?:\.\d{1,6})?)([a-z]*)$/.exec(token.text) ?? [];
  const factor = kind === 'number' ? (unit === '' ? 1 : undefined) : durationUnits[unit];
  if (digits === '' || factor === undefined) return misfit(token, `${quote(token)} is not a ${kind}`, example(kind));
  return Number(digits) * factor;
}

function example(kind: 'number' | 'duration'): string {
  return kind === 'number' ? 'a number, e.g. `400`' : 'a duration with its unit, e.g. `500ms` or `2s`';
}

function quote({ text }: Token): string {
  return text === '' ? 'the end' : `\`${escapeLine(text.slice(0, 40))}\``;
}

function misfit({ at }: Token, problem: string, hint: string): never {
  throw new Misfit({ problem, hint, at });
}
