import { Alphabet, type Around, edge, holds } from './alphabet.ts';
import type { Program } from './program.ts';

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
  readonly #alphabet: Alphabet;
  readonly #states = new Map<string, State>();
  readonly #seen: Uint32Array;
  #visit = 0;
  #remembered = 0;
  #start: State;
  /** Characters read and instructions visited so far. */
  work = 0;

  constructor(program: Program) {
    this.#program = program;
    this.#alphabet = new Alphabet(program);
    this.#seen = new Uint32Array(program.length);
    this.#start = this.#state([0], edge);
  }

  /** Whether the whole text matches. */
  matches(text: string): boolean {
    const alphabet = this.#alphabet;
    let state = this.#start;
    this.work += text.length;
    for (let i = 0; i < text.length; i++) {
      const kind = alphabet.classOf(text.charCodeAt(i));
      state = state.next[kind] ?? this.#step(state, kind);
      if (state.at.length === 0) return false;
    }
    state.accepts ??= this.#closure(state, edge).some(pc => this.#program[pc]?.op === 'match');
    return state.accepts;
  }

  #step(state: State, kind: number): State {
    const takes = this.#alphabet.takes[kind];
    const around = this.#alphabet.around(kind);
    const at: number[] = [];
    for (const pc of this.#closure(state, around)) if (takes?.[pc] === 1) at.push(pc + 1);
    const next = this.#state(at, around);
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
    const sorted = at.length < 2 ? at : [...Uint32Array.from(at).sort()];
    const key = `${before} ${sorted.join()}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= maxStates || this.#remembered > maxRemembered) {
      this.#states.clear();
      this.#remembered = 0;
      this.#start = this.#state([0], edge);
    }
    const { size } = this.#alphabet;
    const state: State = { at: sorted, before, next: new Array(size).fill(null), accepts: null };
    this.#remembered += sorted.length + size;
    this.#states.set(key, state);
    return state;
  }
}
