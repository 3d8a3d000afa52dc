import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dockerIgnore } from '../../src/runtime/docker-ignore.ts';

/** Patterns, then paths that are left out, then paths that stay. */
const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['node_modules', ['node_modules', 'node_modules/a/b.js'], ['web/node_modules', 'node_modules.txt']],
  ['/dist/', ['dist', 'dist/app.js'], ['src/dist']],
  ['src/secret', ['src/secret', 'src/secret/key'], ['secret', 'src/secrets']],
  ['*.log', ['a.log'], ['logs/a.log', 'alog']],
  ['*/temp*', ['a/temp', 'a/temporary.txt', 'a/temp/x'], ['temp', 'a/b/temp']],
  ['**/*.log', ['a.log', 'x/y/a.log'], ['a.logs']],
  ['**/bin', ['bin', 'a/b/bin/tool'], ['a/bins', 'cabin']],
  ['docs/**', ['docs/a', 'docs/a/b'], ['docs', 'doc/a']],
  ['temp?', ['tempa'], ['temp', 'temp/a', 'tempab']],
  ['[Dd]ebug', ['debug', 'Debug/x'], ['ddebug', 'ebug']],
  ['a+(b).txt', ['a+(b).txt'], ['aab.txt']],
  ['a\\*b', ['a*b'], ['axb']],
  ['./build/../out', ['out/x'], ['build']],
  ['*.md\n!README.md', ['CHANGES.md'], ['README.md']],
  ['*.md\n!README*.md\nREADME-secret.md', ['README-secret.md'], ['README.md']],
  ['dist\n!dist/app.js', ['dist', 'dist/b.js'], ['dist/app.js']],
  ['# *\n\n  .env  ', ['.env'], ['x', '# *']],
  ['.\n/', [], ['a', 'b/c']],
];

describe('.dockerignore', () => {
  for (const [text, out, kept] of table) {
    it(JSON.stringify(text), () => {
      const { ignores } = dockerIgnore(text);
      assert.deepEqual([...out, ...kept].filter(ignores), out);
    });
  }

  it('knows whether something may be brought back, and refuses a backward range', () => {
    assert.equal(dockerIgnore('*.md\n!README.md').hasExceptions, true);
    assert.equal(dockerIgnore('*.md').hasExceptions, false);
    assert.throws(() => dockerIgnore('[z-a]'), SyntaxError);
  });
});
