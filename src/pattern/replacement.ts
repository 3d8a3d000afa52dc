import type { Finder } from './finder.ts';

/** What stands in place of a match: text, and the numbers of groups. */
export type Replacement = readonly (string | number)[];

/** Reads RE2's form: `\1` to `\9` stand for groups, `\0` for the whole match, `\\` for a backslash. */
export function parseReplacement(written: string): Replacement {
  return written
    .split(/(\\\d|\\\\)/)
    .filter(part => part !== '')
    .map(part => (part === '\\\\' ? '\\' : /^\\\d$/.test(part) ? Number(part[1]) : part));
}

/** The text with all matches replaced, from left to right. A place right behind a match is not matched by nothing (RE2's rule). */
export function replaceAll(finder: Finder, text: string, replacement: Replacement): string {
  finder.read(text);
  const { groups } = finder;
  let out = '';
  let copied = 0;
  let lastEnd = -1;
  for (let from = 0; from <= text.length; from++) {
    const end = finder.matchAt(from);
    if (end < 0 || (end === from && from === lastEnd)) continue;
    out += text.slice(copied, from);
    for (const part of replacement) {
      if (typeof part === 'string') out += part;
      else if (part === 0) out += text.slice(from, end);
      else if ((groups[part * 2] ?? -1) >= 0) out += text.slice(groups[part * 2], groups[part * 2 + 1]);
    }
    copied = end;
    lastEnd = end;
    if (end > from) from = end - 1;
  }
  return copied === 0 && out === '' ? text : out + text.slice(copied);
}
