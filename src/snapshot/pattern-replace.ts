import { type Around, aroundOf, holds } from './pattern-automaton.ts';
import type { Program } from './pattern-program.ts';
import { includes } from './pattern-set.ts';

/** What stands in place of a match: text, and the numbers of groups. */
export type Replacement = readonly (string | number)[];

/** Reads RE2's form: `\1` to `\9` stand for groups, `\0` for the whole match, `\\` for a backslash. */
export function parseReplacement(written: string): Replacement {
  return written
    .split(/(\\\d|\\\\)/)
    .filter(part => part !== '')
    .map(part => (part === '\\\\' ? '\\' : /^\\\d$/.test(part) ? Number(part[1]) : part));
}

/**
 * The text with all matches replaced, from left to right; where several are possible, the one that a backtracking matcher would find first. A place right
 * behind a match is not matched by nothing (RE2's rule). Two passes, without trying anything twice: backwards, from which instruction a match can still be
 * reached at each place; forwards, always the first way that can. @see Frisch and Cardelli, "Greedy Regular Expression Matching" (2004)
 */
export function replaceAll(program: Program, text: string, replacement: Replacement): string {
  const reach = reachable(program, text);
  const groups: number[] = [];
  let out = '';
  let copied = 0;
  let lastEnd = -1;
  for (let from = 0; from <= text.length; from++) {
    if (!reach.has(0, from)) continue;
    groups.length = 0;
    const end = walk(program, text, reach, from, groups);
    if (end < 0 || (end === from && from === lastEnd)) continue;
    out += text.slice(copied, from);
    for (const part of replacement) {
      if (typeof part === 'string') out += part;
      else if (part === 0) out += text.slice(from, end);
      else out += text.slice(groups[part * 2] ?? 0, groups[part * 2 + 1] ?? 0);
    }
    copied = end;
    lastEnd = end;
    if (end > from) from = end - 1;
  }
  return out + text.slice(copied);
}

/** One bit per instruction and place. */
class Reach {
  readonly #bits: Uint32Array;
  readonly #words: number;

  constructor(instructions: number, places: number) {
    this.#words = (instructions + 31) >> 5;
    this.#bits = new Uint32Array(this.#words * places);
  }

  has(pc: number, place: number): boolean {
    return (((this.#bits[place * this.#words + (pc >> 5)] ?? 0) >>> (pc & 31)) & 1) === 1;
  }

  add(pc: number, place: number): void {
    const i = place * this.#words + (pc >> 5);
    this.#bits[i] = (this.#bits[i] ?? 0) | (1 << (pc & 31));
  }
}

function reachable(program: Program, text: string): Reach {
  const reach = new Reach(program.length, text.length + 1);
  const comesFrom: number[][] = program.map(() => []);
  for (const [pc, instruction] of program.entries()) {
    if (instruction.op === 'jump') comesFrom[instruction.to]?.push(pc);
    else if (instruction.op === 'split') {
      comesFrom[instruction.first]?.push(pc);
      comesFrom[instruction.second]?.push(pc);
    } else if (instruction.op === 'save' || instruction.op === 'assert') comesFrom[pc + 1]?.push(pc);
  }
  const open: number[] = [];
  for (let place = text.length; place >= 0; place--) {
    const before = around(text, place - 1);
    const after = around(text, place);
    for (let pc = 0; pc < program.length; pc++) {
      const instruction = program[pc];
      const ends =
        instruction?.op === 'match' ||
        (instruction?.op === 'set' &&
          place < text.length &&
          reach.has(pc + 1, place + 1) &&
          includes(instruction.set, text.charCodeAt(place)));
      if (ends) open.push(pc);
    }
    for (let pc = open.pop(); pc !== undefined; pc = open.pop()) {
      if (reach.has(pc, place)) continue;
      reach.add(pc, place);
      for (const from of comesFrom[pc] ?? []) {
        const instruction = program[from];
        if (instruction?.op !== 'assert' || holds(instruction.what, before, after)) open.push(from);
      }
    }
  }
  return reach;
}

/** Follows the first way that reaches a match. Returns where it ends. */
function walk(program: Program, text: string, reach: Reach, from: number, groups: number[]): number {
  const seen = new Set<number>();
  const follow = (start: number, place: number): number => {
    // Ways not taken yet, the best one last; a way brings its groups back as they were.
    const open: { readonly pc: number; readonly slot: number; readonly was: number | undefined }[] = [];
    const push = (pc: number): void => void open.push({ pc, slot: -1, was: undefined });
    push(start);
    for (let way = open.pop(); way !== undefined; way = open.pop()) {
      const { pc, slot, was } = way;
      if (slot >= 0) {
        groups[slot] = was ?? 0;
        continue;
      }
      if (seen.has(pc) || !reach.has(pc, place)) continue;
      seen.add(pc);
      const instruction = program[pc];
      switch (instruction?.op) {
        case 'match':
        case 'set':
          return pc;
        case 'jump':
          push(instruction.to);
          break;
        case 'split':
          push(instruction.second);
          push(instruction.first);
          break;
        case 'save':
          open.push({ pc: -1, slot: instruction.slot, was: groups[instruction.slot] });
          groups[instruction.slot] = place;
          push(pc + 1);
          break;
        case 'assert':
          if (holds(instruction.what, around(text, place - 1), around(text, place))) push(pc + 1);
          break;
      }
    }
    return -1;
  };
  let pc = 0;
  for (let place = from; ; place++) {
    seen.clear();
    pc = follow(pc, place);
    if (pc < 0) return -1;
    if (program[pc]?.op === 'match') return place;
    pc++;
  }
}

function around(text: string, place: number): Around {
  return place < 0 || place >= text.length ? 'edge' : aroundOf(text.charCodeAt(place));
}
