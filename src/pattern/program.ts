import type { CharSet } from './char-set.ts';
import type { Assertion, PatternNode } from './syntax.ts';

/** One instruction. All but `set` and `match` take no character; without a target the next instruction follows. */
export type Instruction =
  | { readonly op: 'set'; readonly set: CharSet }
  | { readonly op: 'match' }
  /** Goes to `first` or, less gladly, to `second`. */
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  /** Notes the place as the group's start (2n) or end (2n+1). */
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'assert'; readonly what: Assertion };

/** A pattern's nondeterministic automaton. @see Thompson, "Regular Expression Search Algorithm" (1968) */
export type Program = readonly Instruction[];

/**
 * Most instructions. Matching costs at most characters × instructions, so this bounds what a pattern can cost: 60 KB × 2,000 are some tenths of a second,
 * and only for patterns made for it.
 */
const maxInstructions = 2_000;

/** @throws SyntaxError when the pattern is too large, which only counted repeats can make it */
export function compileProgram(node: PatternNode): Program {
  const program: Instruction[] = [];
  emit(node, program);
  add(program, { op: 'match' });
  return program;
}

function add<T extends Instruction>(program: Instruction[], instruction: T): T {
  if (program.length >= maxInstructions) throw new SyntaxError('the pattern is too large: it repeats too much too often');
  program.push(instruction);
  return instruction;
}

function emit(node: PatternNode, program: Instruction[]): void {
  switch (node.kind) {
    case 'set':
      add(program, { op: 'set', set: node.set });
      return;
    case 'assert':
      add(program, { op: 'assert', what: node.what });
      return;
    case 'group':
      add(program, { op: 'save', slot: node.index * 2 });
      emit(node.item, program);
      add(program, { op: 'save', slot: node.index * 2 + 1 });
      return;
    case 'sequence':
      for (const item of node.items) emit(item, program);
      return;
    case 'choice':
      emitChoice(node.items, program);
      return;
    case 'repeat':
      emitRepeat(node, program);
      return;
  }
}

function emitChoice(items: readonly PatternNode[], program: Instruction[]): void {
  const ends: { to: number }[] = [];
  for (const [i, item] of items.entries()) {
    if (i === items.length - 1) emit(item, program);
    else {
      const split = add(program, { op: 'split', first: program.length + 1, second: 0 });
      emit(item, program);
      ends.push(add(program, { op: 'jump', to: 0 }));
      split.second = program.length;
    }
  }
  for (const end of ends) end.to = program.length;
}

function emitRepeat({ item, min, max, greedy }: PatternNode & { kind: 'repeat' }, program: Instruction[]): void {
  for (let i = 0; i < min; i++) {
    const before = program.length;
    emit(item, program);
    if (program.length === before) return;
  }
  if (max === Number.POSITIVE_INFINITY) {
    const loop = program.length;
    const leave = addSplit(program, greedy);
    emit(item, program);
    add(program, { op: 'jump', to: loop });
    leave(program.length);
    return;
  }
  const leaves: ((to: number) => void)[] = [];
  for (let i = min; i < max; i++) {
    const before = program.length;
    leaves.push(addSplit(program, greedy));
    emit(item, program);
    if (program.length === before + 1) break;
  }
  for (const leave of leaves) leave(program.length);
}

/** A split into what follows; the returned function says where it leads otherwise. */
function addSplit(program: Instruction[], greedy: boolean): (to: number) => void {
  const split = add(program, { op: 'split', first: 0, second: 0 });
  const inside = program.length;
  return to => {
    split.first = greedy ? inside : to;
    split.second = greedy ? to : inside;
  };
}
