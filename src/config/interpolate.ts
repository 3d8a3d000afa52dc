import type { Position, YamlNode, YamlPath } from './yaml-node.ts';

/** Finds a variable; `undefined` = not set (the empty string is set). */
export type Lookup = (name: string) => string | undefined;

/** What is wrong with one `${…}`. */
export type VariableProblem =
  | { readonly kind: 'unset'; readonly name: string }
  | { readonly kind: 'required'; readonly name: string; readonly message: string }
  | { readonly kind: 'invalid'; readonly text: string };

/** A text with its variables replaced; an unset one became nothing. */
export interface Substituted {
  readonly text: string;
  readonly problems: readonly VariableProblem[];
}

/** Told of each problem with the place of its value. */
export type OnProblem = (problem: VariableProblem, at: Position, path: YamlPath) => void;

/** Nested defaults deeper than this are refused as invalid; compose files use one or two. */
const maxNesting = 20;

/**
 * Replaces compose's variable forms: `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`, `${V?e}`, `${V:+r}`, `${V+r}`, nested, and `$$`.
 * The colon forms treat an empty variable as an unset one.
 * @see https://docs.docker.com/reference/compose-file/interpolation/
 */
export function substitute(text: string, lookup: Lookup): Substituted {
  const problems: VariableProblem[] = [];
  return { text: expand(text, lookup, problems, 0), problems };
}

/** Replaces variables in every value (not in keys). Unquoted values take their type again afterwards: `port: ${P:-80}` is a number. */
export function interpolateNode(
  node: YamlNode,
  lookup: Lookup,
  onProblem: OnProblem,
  path: YamlPath = [],
  seen: Map<YamlNode, YamlNode> = new Map(),
): YamlNode {
  const done = seen.get(node);
  if (done !== undefined) return done;
  const result = replaceIn(node, lookup, onProblem, path, seen);
  seen.set(node, result);
  return result;
}

/** A problem as the middle of a sentence: `variable TAG is not set`. */
export function describeProblem(problem: VariableProblem): string {
  if (problem.kind === 'unset') return `variable ${problem.name} is not set`;
  if (problem.kind === 'required') {
    return `variable ${problem.name} is not set${problem.message === '' ? '' : `: ${problem.message}`}`;
  }
  return `\`${problem.text}\` is not a variable`;
}

function replaceIn(
  node: YamlNode,
  lookup: Lookup,
  onProblem: OnProblem,
  path: YamlPath,
  seen: Map<YamlNode, YamlNode>,
): YamlNode {
  const inside = (child: YamlNode, step: string | number) => interpolateNode(child, lookup, onProblem, [...path, step], seen);
  if (node.kind === 'list') return { ...node, items: node.items.map(inside) };
  if (node.kind === 'map') {
    const entries = [...node.entries].map(([key, entry]) => {
      return [key, { ...entry, value: inside(entry.value, key) }] as const;
    });
    return { ...node, entries: new Map(entries) };
  }
  if (typeof node.value !== 'string' || !node.value.includes('$')) return node;
  const { text, problems } = substitute(node.value, lookup);
  for (const problem of problems) onProblem(problem, node.at, path);
  return { ...node, value: node.quoted ? text : retype(text), source: text };
}

function retype(text: string): string | number | boolean | null {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) ? Number(text) : text;
}

function expand(text: string, lookup: Lookup, problems: VariableProblem[], depth: number): string {
  let result = '';
  let index = 0;
  while (index < text.length) {
    const dollar = text.indexOf('$', index);
    if (dollar < 0) return result + text.slice(index);
    result += text.slice(index, dollar);
    const next = text[dollar + 1];
    if (next === '$') {
      result += '$';
      index = dollar + 2;
      continue;
    }
    if (next === '{') {
      const end = closingBrace(text, dollar + 2);
      if (end < 0 || depth >= maxNesting) {
        problems.push({ kind: 'invalid', text: text.slice(dollar) });
        return result;
      }
      result += braced(text.slice(dollar + 2, end), lookup, problems, depth);
      index = end + 1;
      continue;
    }
    const name = /^[A-Za-z_]\w*/.exec(text.slice(dollar + 1, dollar + 257))?.[0];
    if (name === undefined) {
      // A dollar sign that begins nothing is itself: `^/v[0-9]+$`.
      result += '$';
      index = dollar + 1;
      continue;
    }
    result += plain(name, lookup, problems);
    index = dollar + 1 + name.length;
  }
  return result;
}

function braced(body: string, lookup: Lookup, problems: VariableProblem[], depth: number): string {
  const match = /^([A-Za-z_]\w*)(?:(:?[-?+])(.*))?$/s.exec(body);
  const name = match?.[1];
  if (match === null || name === undefined) {
    problems.push({ kind: 'invalid', text: `\${${body}}` });
    return '';
  }
  const [, , operator, rest = ''] = match;
  if (operator === undefined) return plain(name, lookup, problems);
  const value = lookup(name);
  const present = value !== undefined && !(operator.startsWith(':') && value === '');
  const kind = operator.at(-1);
  if (kind === '+') return present ? expand(rest, lookup, problems, depth + 1) : '';
  if (present) return value;
  if (kind === '-') return expand(rest, lookup, problems, depth + 1);
  problems.push({ kind: 'required', name, message: expand(rest, lookup, [], depth + 1) });
  return '';
}

function plain(name: string, lookup: Lookup, problems: VariableProblem[]): string {
  const value = lookup(name);
  if (value === undefined) problems.push({ kind: 'unset', name });
  return value ?? '';
}

/** Index of the `}` that ends the expression starting at `from`; inner `${…}` are skipped. */
function closingBrace(text: string, from: number): number {
  let open = 1;
  for (let index = from; index < text.length; index++) {
    if (text[index] === '$' && text[index + 1] === '{') {
      open++;
      index++;
    } else if (text[index] === '}') {
      open--;
      if (open === 0) return index;
    }
  }
  return -1;
}
