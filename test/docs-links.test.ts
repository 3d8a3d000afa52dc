/** Links within the documentation: every page is found from its index, every `#part` and every path of the source is there. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';

const root = join(import.meta.dirname, '..');
const docs = globSync('docs/**/*.md', { cwd: root }).sort();
const pages = ['README.md', 'CONTRIBUTING.md', ...docs];
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');
const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '');

/** Page and `#part` of each relative link. */
function linksOf(page: string): { readonly target: string; readonly part: string }[] {
  return [...withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [path = '', part = ''] = link.split('#');
    return [{ target: path === '' ? page : relative(root, join(root, dirname(page), path)), part }];
  });
}

/** Headings as GitHub makes anchors of them. */
function anchorsOf(page: string): Set<string> {
  const headings = [...withoutCode(textOf(page)).matchAll(/^#+ (.+)$/gm)].map(match => match[1] ?? '');
  return new Set(
    headings.map(heading =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('documentation', () => {
  test('docs/README.md leads to every page', () => {
    const linked = new Set(linksOf('docs/README.md').map(link => link.target));
    assert.deepEqual(
      docs.filter(page => page !== 'docs/README.md' && !linked.has(page)),
      [],
    );
  });

  test('every #part of a link is a heading', () => {
    const parts = pages.flatMap(page => linksOf(page).map(link => ({ page, ...link }))).filter(link => link.part !== '');
    assert.ok(parts.length > 0);
    assert.deepEqual(
      parts
        .filter(({ target, part }) => !anchorsOf(target).has(part))
        .map(({ page, target, part }) => `${page}: ${target}#${part}`),
      [],
    );
  });

  test('every path of the source that a page names is there', () => {
    const named = pages.flatMap(page =>
      [...textOf(page).matchAll(/`((?:src|test|scripts|bench|examples)\/[\w./-]+)`/g)].map(
        match => [page, match[1] ?? ''] as const,
      ),
    );
    assert.ok(named.length > 10);
    assert.deepEqual(
      named.filter(([, path]) => !existsSync(join(root, path))).map(([page, path]) => `${page}: ${path}`),
      [],
    );
  });
});
