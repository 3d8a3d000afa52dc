/** The counts in the last line of `npm test` decide over a release: they have to be those of the tests, whatever shape these have. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const reporter = join(import.meta.dirname, '../../scripts/reporter.mjs');

/** Runs test sources with the reporter. */
async function run(...sources: string[]): Promise<{ code: number; stdout: string; counts: unknown }> {
  const dir = await mkdtemp(join(tmpdir(), 'localmesh-reporter-'));
  try {
    const files = sources.map((_, index) => join(dir, `${index}.test.mjs`));
    const head = "import { describe, it, test } from 'node:test';\n";
    await Promise.all(sources.map((source, index) => writeFile(files[index] ?? '', head + source)));
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { code, stdout } = await new Promise<{ code: number; stdout: string }>(resolve => {
      const args = ['--test', `--test-reporter=${reporter}`, '--test-reporter-destination=stdout', ...files];
      execFile(process.execPath, args, { env }, (error, out) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout: out }),
      );
    });
    return { code, stdout, counts: JSON.parse(/^@counts (.*)$/m.exec(stdout)?.[1] ?? 'null') };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test('plain tests, suites and tests in tests are counted once each, by their leaves', async () => {
  const { code, counts } = await run(
    `test('a', () => {});
     describe('suite', () => { it('b', () => {}); describe('inner', () => { it('c', () => {}); }); });
     test('parent', async t => { await t.test('d', () => {}); await t.test('e', () => {}); });`,
  );
  assert.deepEqual(counts, { passed: 5, failed: 0, skipped: 0 });
  assert.equal(code, 0);
});

test('skipped and todo tests are skipped, with the reason shown', async () => {
  const { stdout, counts } = await run(
    "test('a', t => t.skip('no kernel for it')); test('b', { skip: true }, () => {}); test('c', { todo: true }, () => {});",
  );
  assert.deepEqual(counts, { passed: 0, failed: 0, skipped: 3 });
  assert.match(stdout, /skipped: a \(no kernel for it\)/);
});

test('a failure is counted once, also deep inside, and shown with its name and message', async () => {
  const { code, stdout, counts } = await run(
    "describe('suite', () => { it('good', () => {}); it('bad', () => { throw new Error('the reason'); }); });",
    "test('fine', () => {});",
  );
  assert.deepEqual(counts, { passed: 2, failed: 1, skipped: 0 });
  assert.match(stdout, /✗ bad/);
  assert.match(stdout, /the reason/);
  assert.equal(code, 1);
});

test('a file that cannot be loaded is a failure', async () => {
  const { code, counts } = await run("import './is-not-there.mjs';");
  assert.deepEqual(counts, { passed: 0, failed: 1, skipped: 0 });
  assert.equal(code, 1);
});
