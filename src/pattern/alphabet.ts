import { includes, wordUnits } from './char-set.ts';
import type { Program } from './program.ts';
import type { Assertion } from './syntax.ts';

/** What assertions see of a character: 0 `edge` (there is none), 1 word, 2 end of line, 3 any other. */
export type Around = 0 | 1 | 2 | 3;
/** There is no character. */
export const edge: Around = 0;
const word: Around = 1;
const lineEnd: Around = 2;
const other: Around = 3;

/** Whether the assertion holds between the two characters. */
export function holds(what: Assertion, before: Around, after: Around): boolean {
  switch (what) {
    case 'start':
      return before === edge;
    case 'end':
      return after === edge;
    case 'line-start':
      return before === edge || before === lineEnd;
    case 'line-end':
      return after === edge || after === lineEnd;
    case 'word-edge':
      return (before === word) !== (after === word);
    case 'no-word-edge':
      return (before === word) === (after === word);
  }
}

/** The characters that a program tells apart: classes of those that all its sets and assertions treat alike. */
export class Alphabet {
  /** Number of classes. */
  readonly size: number;
  /** Whether the program looks at what stands beside a place. */
  readonly asserts: boolean;
  /** Per class, 1 for the instructions that take it. */
  readonly takes: readonly Uint8Array[];
  /** First unit of each class, in order. */
  readonly #borders: readonly number[];
  readonly #around: readonly Around[];
  readonly #classes = new Uint16Array(256);

  constructor(program: Program) {
    this.asserts = program.some(({ op }) => op === 'assert');
    this.#borders = bordersOf(program, this.asserts);
    this.size = this.#borders.length;
    for (let unit = 0; unit < 256; unit++) this.#classes[unit] = this.#search(unit);
    this.takes = this.#borders.map(unit =>
      Uint8Array.from(program, instruction => (instruction.op === 'set' && includes(instruction.set, unit) ? 1 : 0)),
    );
    this.#around = this.#borders.map(unit => (this.asserts ? aroundOf(unit) : edge));
  }

  /** The class of a code unit. */
  classOf(unit: number): number {
    return unit < 256 ? (this.#classes[unit] ?? 0) : this.#search(unit);
  }

  /** What assertions see of a class; always the same where there are none. */
  around(kind: number): Around {
    return this.#around[kind] ?? edge;
  }

  #search(unit: number): number {
    let low = 0;
    let high = this.#borders.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#borders[middle] ?? 0) <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function aroundOf(unit: number): Around {
  if (includes(wordUnits, unit)) return word;
  return unit === 10 || unit === 13 || unit === 0x2028 || unit === 0x2029 ? lineEnd : other;
}

function bordersOf(program: Program, asserts: boolean): readonly number[] {
  const borders = new Set([0]);
  const cut = (from: number, to: number): void => {
    borders.add(from);
    if (to < 0xffff) borders.add(to + 1);
  };
  for (const instruction of program) {
    if (instruction.op !== 'set') continue;
    for (let i = 0; i < instruction.set.length; i += 2) cut(instruction.set[i] ?? 0, instruction.set[i + 1] ?? 0);
  }
  if (asserts) {
    for (let i = 0; i < wordUnits.length; i += 2) cut(wordUnits[i] ?? 0, wordUnits[i + 1] ?? 0);
    cut(10, 10);
    cut(13, 13);
    cut(0x2028, 0x2029);
  }
  return [...borders].sort((a, b) => a - b);
}
