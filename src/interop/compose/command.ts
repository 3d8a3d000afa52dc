import type { Cursor } from './cursor.ts';
import { isNull, itemsOf } from './cursor.ts';
import type { Report } from './report.ts';
import { readText } from './scalar.ts';

/**
 * Splits a command line the way a POSIX shell makes words: quotes and backslashes, nothing expanded.
 * `null` when a quote is left open.
 */
export function splitCommand(line: string): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let index = 0; index < line.length; index++) {
    const char = line.charAt(index);
    if (quote === "'") {
      if (char === "'") quote = null;
      else word += char;
    } else if (quote === '"') {
      if (char === '"') quote = null;
      // Within double quotes a backslash only escapes these; before anything else it is itself (POSIX 2.2.3).
      else if (char === '\\' && '"\\$`'.includes(line.charAt(index + 1)) && index + 1 < line.length) word += line.charAt(++index);
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\' && index + 1 < line.length) {
      word = (word ?? '') + line.charAt(++index);
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote !== null) return null;
  if (word !== null) words.push(word);
  return words;
}

/** `command` or `entrypoint`: a line or a list. `null`: the image's own; empty: explicitly none. */
export function readCommand(cursor: Cursor | null, report: Report): readonly string[] | null {
  if (cursor === null || isNull(cursor)) return null;
  if (cursor.node.kind === 'list') return itemsOf(cursor).map(item => readText(item, report) ?? '');
  const line = readText(cursor, report);
  if (line === null) return null;
  const words = splitCommand(line);
  if (words === null) report.expected(cursor, 'a command with every quote closed', 'write it as a list to need no quoting');
  return words;
}
