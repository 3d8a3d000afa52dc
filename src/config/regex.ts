import { compilePattern } from '../pattern/pattern.ts';
import { type PatternNode, parsePattern } from '../pattern/syntax.ts';
import type { Problem } from './units.ts';

/** Longer expressions are programs; nobody reads them. */
const maxLength = 512;

/**
 * What is wrong with a regular expression, `null` for a good one. Judged by what compiles it in the sidecars, so that what is accepted here runs there. They
 * know no backtracking: no pattern takes exponential time there, and what only backtracking finds is refused. What can only be a mistake, and would stall other
 * engines, is refused too.
 */
export function regexProblem(source: string): Problem | null {
  if (source.length > maxLength)
    return { problem: `the regex is ${source.length} characters long`, hint: `at most ${maxLength}` };
  if (/\(\?(?:[=!]|<[=!])/.test(source)) {
    return {
      problem: 'the regex looks around (`(?=`, `(?!`, `(?<=`, `(?<!`)',
      hint: 'use two matches instead: their order decides',
    };
  }
  if (/\\[1-9]|\\k</.test(source))
    return { problem: 'the regex refers back to a group', hint: 'RE2 has no back references; use two matches' };
  try {
    compilePattern(source);
    if (repeatsRepeat(parsePattern(source)))
      return { problem: 'the regex repeats what does nothing but repeat', hint: '`(a+)+` finds what `a+` does' };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split(': ').at(-1) ?? '') : '';
    return {
      problem: `the regex does not compile: ${reason}`,
      hint: 'escape `[ ( { . * + ?` with `\\` where they are meant literally',
    };
  }
  return null;
}

/** `(a+)+`, wherever it stands: an endless repeat of an endless repeat, with nothing between. */
function repeatsRepeat(node: PatternNode): boolean {
  switch (node.kind) {
    case 'repeat':
      return (isEndless(node) && isEndless(unwrapped(node.item))) || repeatsRepeat(node.item);
    case 'group':
      return repeatsRepeat(node.item);
    case 'sequence':
    case 'choice':
      return node.items.some(repeatsRepeat);
    case 'set':
    case 'assert':
      return false;
  }
}

function isEndless(node: PatternNode): boolean {
  return node.kind === 'repeat' && node.max === Number.POSITIVE_INFINITY && node.min <= 1;
}

function unwrapped(node: PatternNode): PatternNode {
  return node.kind === 'group' ? unwrapped(node.item) : node;
}
