/** A long text in parts that one can jump to, and where a word occurs in it. Pure. */

/** One part. */
export interface TextSection {
  /** `services/reviews` */
  readonly name: string;
  /** Number of its first line, from 1. */
  readonly line: number;
  readonly text: string;
}

/** A piece of a text; `hit`: it is what was looked for. */
export interface TextPiece {
  readonly text: string;
  readonly hit: boolean;
}

/** Parts of YAML as the mesh prints it: a part for each top-level field, and one for each named thing of a list there. */
export function yamlSections(yaml: string): readonly TextSection[] {
  let field = '';
  return split(yaml, (line, next) => {
    const top = /^([A-Za-z]\w*):/.exec(line)?.[1];
    if (top !== undefined) {
      field = top;
      return top;
    }
    const named = /^ {2}- name: (.+)$/.exec(line)?.[1];
    if (named !== undefined) return `${field}/${named.replace(/^["'](.*)["']$/, '$1')}`;
    // What a list's other things are called is not in their first line.
    return /^ {2}- /.test(line) && next !== undefined ? field : null;
  });
}

/** Parts of indented JSON: a part for each top-level field. */
export function jsonSections(json: string): readonly TextSection[] {
  return split(json, line => /^ {2}"([^"]+)":/.exec(line)?.[1] ?? null);
}

function split(text: string, nameOf: (line: string, next: string | undefined) => string | null): readonly TextSection[] {
  const lines = text.trimEnd().split('\n');
  const parts: { name: string; line: number; lines: string[] }[] = [];
  lines.forEach((line, index) => {
    const name = nameOf(line, lines[index + 1]);
    const last = parts.at(-1);
    if (last === undefined || (name !== null && name !== last.name))
      parts.push({ name: name ?? '', line: index + 1, lines: [line] });
    else last.lines.push(line);
  });
  return parts.map(({ name, line, lines: own }) => ({ name, line, text: own.join('\n') }));
}

/** A text cut at each place where the word is, in any case. */
export function piecesOf(text: string, word: string): readonly TextPiece[] {
  if (word === '') return [{ text, hit: false }];
  const pieces: TextPiece[] = [];
  // Lower case may be longer than what it is of; such letters are compared as they are.
  const lower = text.toLowerCase().length === text.length ? text.toLowerCase() : text;
  const wanted = lower === text ? word : word.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    if (at > from) pieces.push({ text: text.slice(from, at), hit: false });
    from = at + wanted.length;
    pieces.push({ text: text.slice(at, from), hit: true });
  }
  if (from < text.length) pieces.push({ text: text.slice(from), hit: false });
  return pieces;
}

/** How often the word is there. */
export function hitsIn(text: string, word: string): number {
  return piecesOf(text, word).filter(({ hit }) => hit).length;
}
