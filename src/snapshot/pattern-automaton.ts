import type { Program } from './pattern-program.ts';
import { includes, wordUnits } from './pattern-set.ts';
import type { Assertion } from './pattern-syntax.ts';

/** What assertions see of a character. `edge`: there is none. */
export type Around = 'edge' | 'word' | 'line-end' | 'other';

/** Whether the assertion holds between the two characters. */
export function holds(what: Assertion, before: Around, after: Around): boolean {
  switch (what) {
    case 'start':
      return before === 'edge';
    case 'end':
      return after === 'edge';
    case 'line-start':
      return before === 'edge' || before === 'line-end';
    case 'line-end':
      return after === 'edge' || after === 'line-end';
    case 'word-edge':
      return (before === 'word') !== (after === 'word');
    case 'no-word-edge':
      return (before === 'word') === (after === 'word');
  }
}

/** What assertions see of a code unit. */
export function aroundOf(unit: number): Around {
  if (includes(wordUnits, unit)) return 'word';
  return unit === 10 || unit === 13 || unit === 0x2028 || unit === 0x2029 ? 'line-end' : 'other';
}

/** The instructions at which the program may stand, before any that takes no character is followed: those look at what comes next. */
interface State {
  readonly at: readonly number[];
  readonly before: Around;
  /** By class of character; `null`: not known yet. */
  readonly next: (State | null)[];
  /** Whether the end of the text may be here; `null`: not known yet. */
  accepts: boolean | null;
}

/** Bounds of what is remembered: beyond, everything is forgotten and found out again. */
const maxStates = 256;
const maxRemembered = 32_768;

/**
 * Whether a program matches a whole text: a deterministic automaton whose states are made when they are first needed. One step per character where they are
 * known, at most one visit of each instruction per character where they are not; no text makes it try a second way.
 */
export class Automaton {
  readonly #program: Program;
  readonly #asserts: boolean;
  /** Where a class of characters that all sets treat alike begins, in order. */
  readonly #borders: readonly number[];
  readonly #classes = new Uint16Array(256);
  /** Per class, the instructions that take it. */
  readonly #takes: readonly Uint8Array[];
  readonly #around: readonly Around[];
  readonly #states = new Map<string, State>();
  readonly #seen: Uint32Array;
  #visit = 0;
  #remembered = 0;
  #start: State;
  /** Characters read and instructions visited so far. */
  work = 0;

  constructor(program: Program) {
    this.#program = program;
    this.#asserts = program.some(({ op }) => op === 'assert');
    this.#borders = bordersOf(program, this.#asserts);
    for (let unit = 0; unit < 256; unit++) this.#classes[unit] = this.#search(unit);
    this.#takes = this.#borders.map(unit =>
      Uint8Array.from(program, instruction => (instruction.op === 'set' && includes(instruction.set, unit) ? 1 : 0)),
    );
    this.#around = this.#borders.map(unit => (this.#asserts ? aroundOf(unit) : 'other'));
    this.#seen = new Uint32Array(program.length);
    this.#start = this.#state([0], this.#asserts ? 'edge' : 'other');
  }

  /** Whether the whole text matches. */
  matches(text: string): boolean {
    let state = this.#start;
    this.work += text.length;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      const kind = unit < 256 ? (this.#classes[unit] ?? 0) : this.#search(unit);
      state = state.next[kind] ?? this.#step(state, kind);
      if (state.at.length === 0) return false;
    }
    state.accepts ??= this.#closure(state, 'edge').some(pc => this.#program[pc]?.op === 'match');
    return state.accepts;
  }

  #step(state: State, kind: number): State {
    const takes = this.#takes[kind];
    const at: number[] = [];
    for (const pc of this.#closure(state, this.#around[kind] ?? 'other')) if (takes?.[pc] === 1) at.push(pc + 1);
    const next = this.#state(at, this.#asserts ? (this.#around[kind] ?? 'other') : 'other');
    state.next[kind] = next;
    return next;
  }

  /** All instructions that can be reached without taking a character and that take one or match. */
  #closure(state: State, after: Around): readonly number[] {
    const visit = ++this.#visit;
    const found: number[] = [];
    const open = [...state.at];
    for (let pc = open.pop(); pc !== undefined; pc = open.pop()) {
      if (this.#seen[pc] === visit) continue;
      this.#seen[pc] = visit;
      this.work++;
      const instruction = this.#program[pc];
      switch (instruction?.op) {
        case 'jump':
          open.push(instruction.to);
          break;
        case 'split':
          open.push(instruction.first, instruction.second);
          break;
        case 'save':
          open.push(pc + 1);
          break;
        case 'assert':
          if (holds(instruction.what, state.before, after)) open.push(pc + 1);
          break;
        default:
          found.push(pc);
      }
    }
    return found;
  }

  #state(at: readonly number[], before: Around): State {
    const sorted = at.length < 2 ? at : Uint32Array.from(at).sort();
    const key = `${before} ${sorted.join()}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= maxStates || this.#remembered > maxRemembered) {
      this.#states.clear();
      this.#remembered = 0;
      this.#start = this.#state([0], this.#asserts ? 'edge' : 'other');
    }
    const state: State = { at: [...sorted], before, next: new Array(this.#borders.length).fill(null), accepts: null };
    this.#remembered += sorted.length + this.#borders.length;
    this.#states.set(key, state);
    return state;
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
