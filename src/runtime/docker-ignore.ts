/** What `.dockerignore` keeps out of a build. Pure. */
import { posix } from 'node:path';

/** What is left out of a build context; paths are relative to it, with `/`. */
export interface DockerIgnore {
  ignores(path: string): boolean;
  /** Something below an ignored folder may be brought back. */
  readonly hasExceptions: boolean;
}

interface Rule {
  readonly pattern: RegExp;
  /** `!` brings back what a rule before left out. */
  readonly keeps: boolean;
}

/**
 * Reads `.dockerignore`: `*`, `?`, `[a-z]` within a name, `**` over any folders, `#` comments, `!` exceptions; the last rule that
 * matches a path, or a folder above it, decides. @throws SyntaxError for a range that runs backwards (`[z-a]`)
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function dockerIgnore(text: string): DockerIgnore {
  const rules = text.split(/\r?\n/).flatMap(readRule);
  return {
    ignores: path => rules.findLast(rule => rule.pattern.test(path))?.keeps === false,
    hasExceptions: rules.some(rule => rule.keeps),
  };
}

function readRule(line: string): readonly Rule[] {
  const written = line.trim();
  if (written === '' || line.startsWith('#')) return [];
  const keeps = written.startsWith('!');
  const path = posix.normalize(`/${written.slice(keeps ? 1 : 0).trim()}`).replace(/^\/+|\/+$/g, '');
  // A pattern for the context itself (`.` or `/`) says nothing about what is in it.
  return path === '' ? [] : [{ pattern: new RegExp(`^${expression(path)}(?:/|$)`), keeps }];
}

/** The pattern as a regular expression's source. Each turn takes one part of it, so no character is seen twice. */
function expression(pattern: string): string {
  return pattern.replace(/\*\*\/?|\*|\?|\[\^?[^\]/]+\]|\\?./gs, part => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 2) return `[${part.slice(1, -1).replace(/[\\[]/g, '\\$&')}]`;
    const literal = part.length === 2 ? part.slice(1) : part; // a backslash takes the next character as it is
    return literal.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  });
}
