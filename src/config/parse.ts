import type { CST, Document } from 'yaml';
import { Composer, Lexer, Parser } from 'yaml';
import { type Diagnostic, errorAt } from './diagnostic.ts';
import { explainYamlError } from './parse-errors.ts';
import { Builder, maxDepth, tooDeep } from './yaml-builder.ts';
import type { Position, YamlNode } from './yaml-node.ts';

/** Larger files are refused unread: nobody writes them by hand, and they only serve to stall the daemon. */
export const maxFileBytes = 256 * 1024;
/** How much of a too large file is looked at for its depth, in characters: 64 levels of eight spaces fit. */
const depthProbe = 32 * 1024;

/** A file as positioned values and what is wrong with it. `root` is `null` for an empty file and one that cannot be read at all. */
export interface ParsedYaml {
  readonly root: YamlNode | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** What a kind of file may hold beyond plain YAML. */
export interface ParseOptions {
  /** Tags to let through, e.g. compose's `!reset`. Every other unknown tag is an error. */
  readonly tags?: readonly string[];
}

/** Parses YAML within limits: size, depth, aliases, unique keys. Every mistake is a diagnostic; never throws, never resolves tags to code. */
export function parseYaml(text: string, file: string, options: ParseOptions = {}): ParsedYaml {
  const bytes = Buffer.byteLength(text);
  // A file that is both too large and too deep is told its depth: the beginning is enough to see it.
  const whole = bytes > maxFileBytes ? text.slice(0, depthProbe) : text;
  const at = positions(text, file);
  let syntax: CST.Token[];
  try {
    syntax = [...tokens(whole)];
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    return { root: null, diagnostics: [tooDeep(at(error.offset))] };
  }
  if (bytes > maxFileBytes) return { root: null, diagnostics: [tooLarge(file, bytes)] };
  // Bytes, sets and times are nothing that a field could hold.
  const composer = new Composer({ uniqueKeys: false, logLevel: 'silent', resolveKnownTags: false });
  const [document, second] = [...composer.compose(syntax)] as Document.Parsed[];
  if (document === undefined) return { root: null, diagnostics: [] };
  // One mistake makes the parser stumble several times over a line: the first is the one to read.
  const stumbled = document.errors.map(error => explainYamlError(error, document, text, at));
  const plain = (one: Diagnostic): boolean => one.code === 'yaml-syntax';
  const misread = stumbled.findIndex(one => one.code === 'unquoted-variable');
  const errors = stumbled.filter((one, index) => {
    // What the parser says after a mapping that was meant as a variable is about a file that nobody wrote.
    if (misread >= 0 && index > misread && one.code !== 'unquoted-variable') return false;
    const same = stumbled.filter(other => other.line === one.line);
    return (same.find(other => !plain(other)) ?? same[0]) === stumbled[index];
  });
  for (const warning of document.warnings) {
    const tag = /Unresolved tag: (\S+)/.exec(warning.message)?.[1] ?? '';
    if (warning.code === 'TAG_RESOLVE_FAILED' && !options.tags?.includes(tag)) errors.push(unknownTag(tag, at(warning.pos[0])));
  }
  if (document.directives.yaml.version !== '1.2') errors.push(oldYaml(at(Math.max(text.indexOf('%YAML'), 0))));
  if (second !== undefined) {
    errors.push(
      errorAt({
        code: 'several-documents',
        at: at(second.range[0]),
        message: 'the file holds more than one YAML document',
        hint: 'keep one document; remove the `---` line',
      }),
    );
  }
  const unread = document.errors.length > 0 || document.directives.yaml.version !== '1.2';
  if (unread || document.contents === null) return { root: null, diagnostics: errors };
  const builder = new Builder(at);
  const root = builder.build(document.contents);
  return { root: builder.bomb ? null : root, diagnostics: [...errors, ...builder.diagnostics] };
}

/** What is said of a file above `maxFileBytes`. */
export function tooLarge(file: string, bytes: number): Diagnostic {
  const diagnostic = errorAt({
    code: 'file-too-large',
    at: null,
    message: `the file is too large: its size is ${Math.ceil(bytes / 1024)} KiB`,
    hint: `at most ${maxFileBytes / 1024} KiB are read; split it with compose's \`include\``,
  });
  return { ...diagnostic, file };
}

/** Where offsets lie. Counted here: the library's own counter misses lines that its parser stumbles over. */
function positions(text: string, file: string): (offset: number) => Position {
  const starts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
  return offset => {
    let low = 0;
    for (let high = starts.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { file, line: low + 1, column: Math.min(offset, text.length) - (starts[low] ?? 0) + 1 };
  };
}

class TooDeep extends Error {
  readonly offset: number;
  constructor(offset: number) {
    super('too deep');
    this.offset = offset;
  }
}

/** The concrete syntax, token by token: lexer and parser are iterative, so depth is known before the recursive composer starts. */
function* tokens(text: string): Generator<CST.Token> {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > maxDepth) throw new TooDeep(parser.offset);
  }
  yield* parser.end();
}

/** In YAML 1.1 `no` is false, `0644` is octal and a date is no text: the same file would mean something else. */
function oldYaml(at: Position): Diagnostic {
  return errorAt({
    code: 'yaml-syntax',
    at,
    message: 'only YAML 1.2 is read',
    hint: 'remove the `%YAML` line',
  });
}

function unknownTag(tag: string, at: Position): Diagnostic {
  const short = tag.replace('tag:yaml.org,2002:', '!!');
  return errorAt({
    code: 'unknown-tag',
    at,
    message: `unknown tag \`${short}\``,
    hint: 'remove the tag; values are plain text, numbers, lists and mappings',
  });
}
