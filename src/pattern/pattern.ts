import { Automaton } from './automaton.ts';
import { Finder } from './finder.ts';
import { compileProgram, type Program } from './program.ts';
import { type Replacement, replaceAll } from './replacement.ts';
import { type PatternNode, parsePattern } from './syntax.ts';

/**
 * A regular expression of a rule. It never backtracks: what it costs grows with the text, never faster, whatever the pattern. JavaScript's own engine could
 * be kept busy for minutes by one long path, and a sidecar has one thread.
 */
class Pattern {
  /** Every text that matches begins with this. */
  readonly prefix: string;
  readonly #program: Program;
  readonly #automaton: Automaton;
  #finder: Finder | null = null;

  /** @throws SyntaxError */
  constructor(source: string) {
    const tree = parsePattern(source);
    this.prefix = prefixOf(tree).text;
    this.#program = compileProgram(tree);
    this.#automaton = new Automaton(this.#program);
  }

  /** Whether the whole text matches. */
  test(text: string): boolean {
    return this.#automaton.matches(text);
  }

  /** The text with every place that the pattern finds replaced. */
  replaceAll(text: string, replacement: Replacement): string {
    this.#finder ??= new Finder(this.#program);
    return replaceAll(this.#finder, text, replacement);
  }

  /** Characters read and instructions visited by `test` so far: what a test of its bounds counts. */
  get work(): number {
    return this.#automaton.work;
  }
}

/**
 * Compiles a regular expression of a rule: `test` asks for the whole value, `.` matches every character, and RE2's leading `(?i)` is understood. The
 * checking of snapshots and the matching of requests share it, so that what is accepted is what runs. Looking around and back references are refused.
 * @throws SyntaxError
 */
export function compilePattern(source: string): Pattern {
  return new Pattern(source);
}

/** `whole`: the text is all that the node matches, more may follow. */
function prefixOf(node: PatternNode): { readonly text: string; readonly whole: boolean } {
  switch (node.kind) {
    case 'set': {
      const [from, to] = node.set;
      const one = node.set.length === 2 && from === to && from !== undefined;
      return { text: one ? String.fromCharCode(from) : '', whole: one };
    }
    case 'group':
      return prefixOf(node.item);
    case 'sequence': {
      let text = '';
      for (const item of node.items) {
        const found = prefixOf(item);
        text += found.text;
        if (!found.whole) return { text, whole: false };
      }
      return { text, whole: true };
    }
    case 'assert':
      return { text: '', whole: true };
    case 'repeat':
      return { text: node.min > 0 ? prefixOf(node.item).text : '', whole: false };
    case 'choice':
      return { text: '', whole: false };
  }
}
