import safe from 'safe-regex2';
import type { Problem } from './units.ts';

/** Longer expressions are programs; nobody reads them. */
const maxLength = 512;

/**
 * What is wrong with a regular expression, `null` for a good one. Only what RE2 knows is allowed (no look-around, no back references),
 * and nothing whose matching time can explode: every request would pay for it.
 */
export function regexProblem(written: string): Problem | null {
  if (written.length > maxLength)
    return { problem: `the regex is ${written.length} characters long`, hint: `at most ${maxLength}` };
  // RE2's leading `(?i)`: sidecars know it, JavaScript does not.
  const source = written.replace(/^\(\?i\)/, '');
  try {
    // By itself: `a)|(b` would compile inside the anchors and mean something else.
    new RegExp(source, 's');
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split(': ').at(-1) ?? '') : '';
    return {
      problem: `the regex does not compile: ${reason}`,
      hint: 'escape `[ ( { . * + ?` with `\\` where they are meant literally',
    };
  }
  if (/\(\?(?:[=!]|<[=!])/.test(source)) {
    return {
      problem: 'the regex looks around (`(?=`, `(?!`, `(?<=`, `(?<!`)',
      hint: 'use two matches instead: their order decides',
    };
  }
  if (/\\[1-9]|\\k</.test(source))
    return { problem: 'the regex refers back to a group', hint: 'RE2 has no back references; use two matches' };
  // Where case does not count, `(a|A)*` begins alike.
  if (!safe(source) || hasAmbiguousRepeat(source === written ? source : source.toLowerCase())) {
    return {
      problem: 'the regex can take exponential time',
      hint: 'do not repeat what already repeats or has alternatives: `a+`, not `(a+)+`',
    };
  }
  return null;
}

/** A repeated group whose alternatives may begin alike, `(a|ab)*`, or that holds a repeat itself. */
function hasAmbiguousRepeat(source: string): boolean {
  const open: number[] = [];
  for (let index = 0; index < source.length; index++) {
    const char = source[index];
    if (char === '\\') index++;
    else if (char === '[') index = endOfClass(source, index);
    else if (char === '(') open.push(index);
    else if (char === ')') {
      const from = open.pop() ?? 0;
      if (/^(?:[*+]|\{\d+,)/.test(source.slice(index + 1)) && isAmbiguous(source.slice(from + 1, index))) return true;
    }
  }
  return false;
}

function isAmbiguous(body: string): boolean {
  const inner = body.replace(/^\?(?::|<\w+>)/, '');
  if (!inner.includes('|')) return false;
  const firsts = inner.split('|').map(alternative => alternative[0] ?? '');
  return firsts.some(first => !/[\w/ -]/.test(first)) || new Set(firsts).size < firsts.length;
}

function endOfClass(source: string, from: number): number {
  for (let index = from + 1; index < source.length; index++) {
    if (source[index] === '\\') index++;
    else if (source[index] === ']') return index;
  }
  return source.length;
}
