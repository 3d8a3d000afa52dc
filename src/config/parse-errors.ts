import type { Document, YAMLParseError } from 'yaml';
import { isCollection, visit } from 'yaml';
import { type Diagnostic, errorAt } from './diagnostic.ts';
import type { Position } from './yaml-node.ts';

/** Says a syntax error of the YAML library in words that name the remedy. */
export function explainYamlError(
  error: YAMLParseError,
  document: Document.Parsed,
  text: string,
  at: (offset: number) => Position,
): Diagnostic {
  const offset = error.pos[0];
  const here = at(offset);
  const syntax = (code: string, message: string, hint: string, where = here): Diagnostic =>
    errorAt({ code, at: where, message, hint });
  if (error.code === 'TAB_AS_INDENT') {
    return syntax('tab-indent', `line ${here.line} is indented with a tab`, 'use spaces, two for each level');
  }
  if (text.startsWith('${', offset - 1) && offset > 0) {
    return syntax(
      'unquoted-variable',
      'a `${…}` inside `{ }` or `[ ]` reads as a mapping',
      'quote it: `{port: "${PORT}"}`',
      at(offset - 1),
    );
  }
  if (/^Flow (map|sequence)|flow collection/i.test(error.message) || text[offset] === undefined) {
    const open = openFlow(document, text, offset);
    if (open !== null) {
      const bracket = text[open] === '[' ? ']' : '}';
      const opened = at(open);
      const what = `the flow collection opened with \`${text[open]}\` on line ${opened.line} is never closed`;
      return syntax('unclosed-flow', what, `write \`${bracket}\` where it ends`, opened);
    }
  }
  if (error.code === 'BLOCK_AS_IMPLICIT_KEY' && /compact mappings/.test(error.message)) {
    const what = 'a colon followed by a space inside a value reads as another key';
    return syntax('colon-in-value', what, 'put the whole value in quotes: `key: "a: b"`');
  }
  if (error.code === 'MULTILINE_IMPLICIT_KEY' || error.code === 'MISSING_CHAR') {
    return syntax(
      'yaml-syntax',
      firstLine(error.message),
      'check the colon, quotes and indentation of this line and the one above',
    );
  }
  if (error.code === 'BAD_INDENT') {
    return syntax(
      'bad-indent',
      `the indentation does not fit: ${lowerFirst(firstLine(error.message))}`,
      'align it with its neighbours',
    );
  }
  return syntax('yaml-syntax', firstLine(error.message), 'check the quotes, colons and indentation here');
}

/** Offset of the innermost `{` or `[` before `offset` that has no end. */
function openFlow(document: Document.Parsed, text: string, offset: number): number | null {
  let found: number | null = null;
  visit(document, {
    Collection(_key, node) {
      if (!isCollection(node) || node.flow !== true || node.range === undefined || node.range === null) return;
      const [from, to] = node.range;
      const last = text.slice(from, to).trimEnd().at(-1);
      const closed = text[from] === '{' ? last === '}' : last === ']';
      if (!closed && from <= offset) found = from;
    },
  });
  return found;
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
