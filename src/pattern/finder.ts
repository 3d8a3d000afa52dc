import { Alphabet, type Around, edge, holds } from './alphabet.ts';
import type { Program } from './program.ts';

/** From which instructions a match can be reached at a place, given what follows it. */
interface Reach {
  /** One bit per instruction. */
  readonly bits: Uint32Array;
  /** By class of the character before the place and what is before that; `null`: not known yet. */
  readonly back: (Reach | null)[];
}

const maxStates = 256;
const arounds = 4;

/**
 * Finds matches within a text, and of several the one that a backtracking matcher would find first. Two passes, without trying anything twice: backwards,
 * from which instructions a match can still be reached at each place; forwards, always the first way that can. @see Frisch and Cardelli, "Greedy Regular
 * Expression Matching" (2004)
 */
export class Finder {
  /** Of the match found last: the start of group n at 2n, its end at 2n + 1; -1 for a group that took no part. */
  readonly groups: Int32Array = new Int32Array(20);
  readonly #program: Program;
  readonly #alphabet: Alphabet;
  /** Per instruction, those that lead to it without taking a character. */
  readonly #from: readonly (readonly number[])[];
  readonly #states = new Map<string, Reach>();
  readonly #ends: (Reach | null)[] = new Array(arounds).fill(null);
  readonly #seen: Uint32Array;
  #visit = 0;
  #text = '';
  #reach: Reach[] = [];

  constructor(program: Program) {
    this.#program = program;
    this.#alphabet = new Alphabet(program);
    this.#from = leadingTo(program);
    this.#seen = new Uint32Array(program.length);
  }

  /** Begins a text: what follows asks about it. */
  read(text: string): void {
    this.#text = text;
    const reach: Reach[] = new Array(text.length + 1);
    const before = this.#around(text.length - 1);
    let state = this.#ends[before] ?? this.#compute(null, 0, before, edge);
    this.#ends[before] = state;
    reach[text.length] = state;
    for (let place = text.length - 1; place >= 0; place--) {
      const kind = this.#alphabet.classOf(text.charCodeAt(place));
      const around = this.#around(place - 1);
      const key = kind * arounds + around;
      let earlier = state.back[key];
      if (earlier === undefined || earlier === null) {
        earlier = this.#compute(state, kind, around, this.#alphabet.around(kind));
        state.back[key] = earlier;
      }
      state = earlier;
      reach[place] = state;
    }
    this.#reach = reach;
  }

  /** The end of the match that begins at `from`, -1 where none does. */
  matchAt(from: number): number {
    if (!this.#can(0, from)) return -1;
    this.groups.fill(-1);
    let pc = 0;
    for (let place = from; ; place++) {
      pc = this.#follow(pc, place);
      if (pc < 0) return -1;
      if (this.#program[pc]?.op === 'match') return place;
      pc++;
    }
  }

  #can(pc: number, place: number): boolean {
    return (((this.#reach[place]?.bits[pc >> 5] ?? 0) >>> (pc & 31)) & 1) === 1;
  }

  #around(place: number): Around {
    if (!this.#alphabet.asserts || place < 0) return edge;
    return this.#alphabet.around(this.#alphabet.classOf(this.#text.charCodeAt(place)));
  }

  /** What can be reached before a character of this class, when `later` is what can be reached behind it; without `later`, at the end of the text. */
  #compute(later: Reach | null, kind: number, before: Around, after: Around): Reach {
    const program = this.#program;
    const takes = this.#alphabet.takes[kind];
    const bits = new Uint32Array((program.length + 31) >> 5);
    const open: number[] = [program.length - 1];
    if (later !== null) {
      for (let pc = 0; pc < program.length - 1; pc++) {
        const next = pc + 1;
        if (takes?.[pc] === 1 && (((later.bits[next >> 5] ?? 0) >>> (next & 31)) & 1) === 1) open.push(pc);
      }
    }
    for (let pc = open.pop(); pc !== undefined; pc = open.pop()) {
      const bit = 1 << (pc & 31);
      const old = bits[pc >> 5] ?? 0;
      if ((old & bit) !== 0) continue;
      bits[pc >> 5] = old | bit;
      for (const from of this.#from[pc] ?? []) {
        const instruction = program[from];
        if (instruction?.op !== 'assert' || holds(instruction.what, before, after)) open.push(from);
      }
    }
    return this.#state(bits);
  }

  #state(bits: Uint32Array): Reach {
    const key = String.fromCharCode(...new Uint16Array(bits.buffer));
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= maxStates) {
      this.#states.clear();
      this.#ends.fill(null);
    }
    const state: Reach = { bits, back: new Array(this.#alphabet.size * arounds).fill(null) };
    this.#states.set(key, state);
    return state;
  }

  /** From `start`, the first instruction that takes the character at `place` or matches, on a way that reaches a match. */
  #follow(start: number, place: number): number {
    const visit = ++this.#visit;
    // Ways not taken yet, the best one last. A negative one, with the place below it, brings a group's mark back.
    const open: number[] = [start];
    for (let pc = open.pop(); pc !== undefined; pc = open.pop()) {
      if (pc < 0) {
        this.groups[-pc - 1] = open.pop() ?? -1;
        continue;
      }
      // An instruction seen before at this place stands in a loop that took nothing: that way leads nowhere new.
      if (this.#seen[pc] === visit || !this.#can(pc, place)) continue;
      this.#seen[pc] = visit;
      const instruction = this.#program[pc];
      switch (instruction?.op) {
        case 'match':
        case 'set':
          return pc;
        case 'jump':
          open.push(instruction.to);
          break;
        case 'split':
          open.push(instruction.second, instruction.first);
          break;
        case 'save':
          if (instruction.slot < this.groups.length) {
            open.push(this.groups[instruction.slot] ?? -1, -instruction.slot - 1);
            this.groups[instruction.slot] = place;
          }
          open.push(pc + 1);
          break;
        case 'assert':
          // It holds: what is behind it can be reached only so.
          open.push(pc + 1);
          break;
      }
    }
    return -1;
  }
}

function leadingTo(program: Program): readonly (readonly number[])[] {
  const from: number[][] = program.map(() => []);
  for (const [pc, instruction] of program.entries()) {
    if (instruction.op === 'jump') from[instruction.to]?.push(pc);
    else if (instruction.op === 'split') {
      from[instruction.first]?.push(pc);
      from[instruction.second]?.push(pc);
    } else if (instruction.op === 'save' || instruction.op === 'assert') from[pc + 1]?.push(pc);
  }
  return from;
}
