import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { regexProblem } from '../../src/config/regex.ts';
import { compilePattern } from '../../src/pattern/pattern.ts';
import { parseReplacement } from '../../src/pattern/replacement.ts';

describe('a pattern matches the whole value', () => {
  for (const [pattern, value, matches] of [
    ['jas.*', 'jason', true],
    ['jas', 'jason', false],
    ['son', 'jason', false],
    ['a|b', 'ab', false],
    ['a.c', 'a\nc', true],
    ['Jason', 'jason', false],
    ['(?i)Jason', 'jASON', true],
    ['(?i)[^a]', 'A', false],
    ['(?i)É', 'é', true],
    ['^/api/v[0-9]+/users$', '/api/v12/users', true],
    ['(?:/[a-z]+)+', '/a/b/c', true],
    ['[\\w.-]+@[\\w-]+\\.com', 'a.b@c-d.com', true],
    ['a{2,3}', 'aaaa', false],
    ['a{2,}', 'aaaa', true],
    ['a{0}', '', true],
    ['x{,2}', 'x{,2}', true],
    ['\\bword\\b', 'word', true],
    ['a\\Bb', 'ab', true],
    ['a\\b.*', 'ab', false],
    ['(?<year>\\d{4})', '2026', true],
    ['\\x41\\u0042\\x43\\cA\\t', 'ABC\x01\t', true],
    ['[\\d-x]+', '1-x', true],
    ['[]', '', false],
    ['[^]', '\n', true],
    ['(?-s:a.)', 'a\n', false],
    ['(?i:a)b', 'Ab', true],
    ['(?i:a)b', 'AB', false],
    ['(?m:^)a', 'a', true],
    ['', '', true],
  ] as const) {
    test(`${pattern} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(value)}`, () =>
      assert.equal(compilePattern(pattern).test(value), matches));
  }

  for (const pattern of [
    '(',
    'a)|(b',
    'a(?i)b',
    '(?=a)',
    '(?<!a)',
    '(a)\\1',
    'a{1000}{1000}',
    '(?:(?:){9999999}){9999999}a{9999}',
  ]) {
    test(`${pattern} is refused`, () => assert.throws(() => compilePattern(pattern), SyntaxError));
  }
});

describe('a pattern replaces every place that it finds', () => {
  for (const [pattern, text, written, result] of [
    ['^/v1/(.*)$', '/v1/users', '/\\1', '/users'],
    ['/(\\w+)/(\\w+)', '/a/b/c/d', '/\\2/\\1', '/b/a/d/c'],
    ['a', 'banana', 'o', 'bonono'],
    ['a+', 'baaad', '<\\0>', 'b<aaa>d'],
    ['a+?', 'baaad', '<\\0>', 'b<a><a><a>d'],
    ['a|ab', 'ab', '-', '-b'],
    ['ab|a', 'ab', '-', '-'],
    ['(x)?y', 'y', '[\\1]', '[]'],
    ['.*', 'abc', 'x', 'x'],
    ['x*', 'ab', '-', '-a-b-'],
    ['b', 'abc', '\\\\1', 'a\\1c'],
    ['\\b', 'ab cd', '|', '|ab| |cd|'],
    ['(a*)*', 'aab', '<\\0>', '<aa>b<>'],
    ['nothing', 'abc', 'x', 'abc'],
  ] as const) {
    test(`${pattern} in ${text} by ${written}`, () =>
      assert.equal(compilePattern(pattern).replaceAll(text, parseReplacement(written)), result));
  }
});

test('what every match begins with', () => {
  for (const [pattern, prefix] of [
    ['/users/\\d+', '/users/'],
    ['^/users/(me|you)', '/users/'],
    ['(/a)b*', '/a'],
    ['/a{2}', '/a'],
    ['a|b', ''],
    ['(?i)/a', '/'],
    ['.*', ''],
    ['/exact', '/exact'],
  ] as const)
    assert.equal(compilePattern(pattern).prefix, prefix, pattern);
});

const letter = fc.constantFrom('a', 'b', '/', '.', '[ab]', '[^a]', '\\w', '\\d', '-');
/** Patterns in text form. `repeats`: what may be repeated. */
const patterns = (repeats: (item: string) => boolean): fc.Arbitrary<string> =>
  fc.letrec<{ node: string }>(tie => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      letter,
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b),
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(?:${a}|${b})`),
      tie('node').map(a => `(${a})`),
      fc.constantFrom('^', '$', '\\b', '\\B'),
      fc
        .tuple(tie('node').filter(repeats), fc.constantFrom('*', '+', '?', '*?', '+?', '{2}', '{1,2}', '{0,2}?'))
        .map(([a, sign]) => `(?:${a})${sign}`),
    ),
  })).node;
const texts = fc.string({ unit: fc.constantFrom('a', 'b', '/', '-', '1', 'B'), maxLength: 10 });
const runs = { numRuns: 3_000, seed: 20 };

describe('JavaScript finds the same', () => {
  test('matching', () =>
    fc.assert(
      fc.property(
        patterns(() => true),
        texts,
        fc.boolean(),
        (pattern, text, insensitive) => {
          const expected = new RegExp(`^(?:${pattern})$`, insensitive ? 'is' : 's').test(text);
          assert.equal(compilePattern(insensitive ? `(?i)${pattern}` : pattern).test(text), expected);
        },
      ),
      runs,
    ));

  test('replacing, where nothing that may be empty is repeated', () => {
    const neverEmpty = (item: string): boolean => !new RegExp(`^(?:${item})$`, 's').test('') && !/[\^$]|\\b|[*?]/i.test(item);
    return fc.assert(
      fc.property(patterns(neverEmpty), texts, (pattern, text) => {
        let lastEnd = -1;
        const expected = text.replace(new RegExp(pattern, 'gs'), (found, ...rest) => {
          const at: number = rest.find(item => typeof item === 'number') ?? -1;
          const again = found === '' && at === lastEnd;
          lastEnd = at + found.length;
          return again ? '' : `<${found}>`;
        });
        assert.equal(compilePattern(pattern).replaceAll(text, parseReplacement('<\\0>')), expected);
      }),
      runs,
    );
  });
});

test('what the configuration accepts compiles', () =>
  fc.assert(
    fc.property(
      fc.oneof(
        patterns(() => true),
        fc.string({ unit: fc.constantFrom(...'ab01(){}[]|*+?.^$\\/-,:<>=!dwsbBkpxuci'), maxLength: 12 }),
      ),
      pattern => {
        if (regexProblem(pattern) === null) compilePattern(pattern).test('ab');
      },
    ),
    runs,
  ));

describe('no pattern and no text keep a sidecar busy', () => {
  const size = 60_000;
  for (const [pattern, unit] of [
    ['(a+)+b', 'a'],
    ['(a|a)*b', 'a'],
    ['(a|ab|b)*c', 'ab'],
    ['.*.*=.*', 'a'],
    ['(.*a){12}', 'a'],
    ['(.*,){11}P', '1,'],
    ['(x+x+)+y', 'x'],
    ['([a-z]+)*\\d', 'a'],
    ['(?:a?){500}a{500}', 'a'],
    ['.*a.{400}b', 'ab'],
    ['(\\w+\\s?)*$x', 'a '],
    ['(?i)(.*A)+(.*B)+!', 'aB'],
  ] as const) {
    test(`${pattern} takes a number of steps that grows with the text`, () => {
      const compiled = compilePattern(pattern);
      const text = unit.repeat(size / unit.length);
      compiled.test(text);
      // Two visits of every instruction per character are the bound; what was found out once is not found out again.
      assert.ok(compiled.work <= size * 2_000, `${compiled.work} steps`);
      const before = compiled.work;
      compiled.test(text.slice(0, size / 2));
      assert.ok(compiled.work - before <= size * 1_000);
    });
  }

  test('nor when something is replaced everywhere', () => {
    // A search for each place, to the end of the text each, would take 60,000² steps.
    const text = 'a'.repeat(size);
    assert.equal(compilePattern('a.*z|a').replaceAll(text, parseReplacement('b')), 'b'.repeat(size));
    assert.equal(compilePattern('(a+)+z').replaceAll(text, parseReplacement('b')), text);
  });
});
