import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxFileBytes, parseYaml } from '../../src/config/parse.ts';
import { dotted, nodeAt, plainValue, positionAt, type YamlNode } from '../../src/config/yaml-node.ts';

function parsed(text: string): YamlNode {
  const { root, diagnostics } = parseYaml(text, 'f');
  assert.deepEqual(diagnostics, []);
  assert.ok(root);
  return root;
}

const codes = (text: string): string[] => parseYaml(text, 'f').diagnostics.map(one => one.code);

test('values, types and positions', () => {
  const root = parsed('a: 1\nb:\n  - "x"\n  - {c: yes, d: 0644}\ne:\n');
  assert.deepEqual(plainValue(root), { a: 1, b: ['x', { c: 'yes', d: 644 }], e: null });
  assert.deepEqual(positionAt(root, ['b', 1, 'd']), { file: 'f', line: 4, column: 17 });
  assert.deepEqual(positionAt(root, ['b', 1, 'd'], 'key'), { file: 'f', line: 4, column: 14 });
  assert.deepEqual(positionAt(root, ['e']), { file: 'f', line: 5, column: 1 }, 'an empty value stands at its key');
  assert.deepEqual(positionAt(root, ['b', 9, 'z']), { file: 'f', line: 3, column: 3 }, 'as far as the path goes');
  const node = nodeAt(root, ['b', 1, 'd']);
  assert.ok(node?.kind === 'scalar' && node.source === '0644' && !node.quoted);
  assert.equal(nodeAt(root, ['b', 'x']), null);
  assert.equal(dotted(['routes', 'a', 0, 'to']), 'routes.a[0].to');
});

test('aliases are shared and merge keys expanded, nearer keys winning', () => {
  const root = parsed('x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 3}\nw: *x\n');
  assert.deepEqual(plainValue(root), { x: { a: 1, b: 1 }, y: { b: 2, c: 2 }, z: { a: 3, b: 1, c: 2 }, w: { a: 1, b: 1 } });
});

test('an empty file has neither root nor diagnostics', () => {
  for (const text of ['', '\n\n', '# comment\n']) assert.deepEqual(parseYaml(text, 'f'), { root: null, diagnostics: [] });
});

test('a tag is let through by name only', () => {
  assert.deepEqual(codes('a: !reset null\n'), ['unknown-tag']);
  const { root, diagnostics } = parseYaml('a: !reset null\n', 'f', { tags: ['!reset'] });
  assert.deepEqual(diagnostics, []);
  assert.equal(root && nodeAt(root, ['a'])?.tag, '!reset');
});

for (const [text, code] of [
  ['a: [1, 2\nb: 3\n', 'unclosed-flow'],
  ['\ta: 1\n', 'tab-indent'],
  ['a: b: c\n', 'colon-in-value'],
  ['a: 1\na: 2\n', 'duplicate-key'],
  ['a: *b\n', 'unknown-alias'],
  ['a: &a [*a]\n', 'cyclic-alias'],
  ['a: {<<: 1}\n', 'bad-merge'],
  ['? [a]\n: 1\n', 'bad-key'],
  ['__proto__: 1\n', 'reserved-name'],
  ['a: 1\n---\nb: 2\n', 'several-documents'],
  ['a: !!js/function x\n', 'unknown-tag'],
] as const) {
  test(`${code}: ${JSON.stringify(text)}`, () => assert.deepEqual(codes(text), [code]));
}

test('several mistakes are all told', () => {
  assert.deepEqual(codes('a: 1\na: 2\nb: *c\n__proto__: 1\n'), ['duplicate-key', 'unknown-alias', 'reserved-name']);
});

test('billion laughs', () => {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
  for (let n = 1; n < 12; n++) lines.push(`a${n}: &a${n} [${Array.from({ length: 10 }, () => `*a${n - 1}`).join(',')}]`);
  const { root, diagnostics } = parseYaml(lines.join('\n'), 'f');
  assert.equal(root, null);
  assert.deepEqual(
    diagnostics.map(one => one.code),
    ['alias-bomb'],
  );
});

test('a depth made of aliases', () => {
  const lines = ['a0: &a0 [x]', ...Array.from({ length: 5000 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}]`)];
  assert.deepEqual(codes(lines.join('\n')), ['too-deep']);
});

test('a depth of brackets, blocks and dashes ends before the recursive part', () => {
  for (const text of [`a: ${'['.repeat(50_000)}`, `${'- '.repeat(50_000)}x`, `${'? '.repeat(50_000)}x`])
    assert.deepEqual(codes(text), ['too-deep']);
});

test('the size is that of the bytes', () => {
  assert.deepEqual(codes(`a: ${'é'.repeat(maxFileBytes / 2)}`), ['file-too-large']);
  assert.deepEqual(codes(`a: ${'e'.repeat(maxFileBytes / 2)}`), []);
});

test('tags and versions of YAML that give no text, number, list or mapping are refused', () => {
  // `!!binary` became an array of bytes, which the schema's clean-up could not take apart: a bug report instead of a diagnostic.
  for (const text of ['a: !!binary aGk=', 'a: !!set {b}', 'a: !!omap [{b: 1}]'])
    assert.deepEqual(
      parseYaml(text, 'mesh.yaml').diagnostics.map(one => `${one.code} ${one.line}:${one.column}`),
      ['unknown-tag 1:4'],
      text,
    );
  const old = parseYaml('# old\n%YAML 1.1\n---\na: !!binary aGk=\n', 'mesh.yaml');
  assert.deepEqual([old.root, old.diagnostics.map(one => `${one.code} ${one.line}:${one.column}`)], [null, ['yaml-syntax 2:1']]);
});

test('a mistake is placed where it is, also after lines that the parser stumbled over', () => {
  // The YAML library's own line counter loses lines after a tab: the place was on line 2, column 35.
  const text = 'services:\n  web: {port: 1}\n  api:\n\timage: y\n  two: {port: ${PORT}}\n';
  const found = parseYaml(text, 'mesh.yaml').diagnostics.find(one => one.code === 'unquoted-variable');
  assert.deepEqual([found?.line, found?.column], [5, 15]);
});
