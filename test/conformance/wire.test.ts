/** The HTTP/1.1 wire corpus, run by its own runner against real listeners of the inbound data plane in this process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort, inboundSnapshot, startPlane } from '../proxy/data-plane-harness.ts';
import { wireCases } from './wire/corpus.ts';

const runner = fileURLToPath(new URL('../../../shared/cases/tools/run-wire.mjs', import.meta.url));
/** 240 cases, of which the runner leaves out four that take minutes and two marked slow. */
const expected = 234;
/** The runner plays one case at a time and mostly waits: so many of them share the cases, each with a data plane of its own. */
const runners = 6;

/** HTTP/2 is an answer that the corpus allows and its runner cannot see; the tests of HTTP/2 begin with the same bytes. */
const http2 = 'h2-preface-on-h1';

interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly why: readonly string[];
}

test('every case of the wire corpus holds', {
  skip: existsSync(runner) ? false : 'the corpus is not beside this repository',
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mesh-wire-'));
  try {
    const names = wireCases().map(one => one.name);
    const shares = Array.from({ length: runners }, (_, i) => names.filter((_, k) => k % runners === i));
    const results = (await Promise.all(shares.map((share, i) => play(share, join(folder, `${i}.json`))))).flat();
    assert.deepEqual(
      results.filter(result => !result.ok && result.name !== http2).map(result => `${result.name}: ${result.why.join(' | ')}`),
      [],
    );
    assert.equal(results.length, expected);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** What the runner makes of the cases with these names. */
async function play(names: readonly string[], out: string): Promise<readonly Result[]> {
  const upstreamPort = await freePort();
  await using plane = await startPlane('inbound', inboundSnapshot(upstreamPort), { localPort: upstreamPort });
  const only = `^(${names.join('|')})$`;
  await run([
    runner,
    ...['--target', `127.0.0.1:${plane.port}`, '--upstream-port', String(upstreamPort), '--out', out, '--only', only],
  ]);
  assert.deepEqual(plane.bugs, []);
  return JSON.parse(await readFile(out, 'utf8')) as readonly Result[];
}

function run(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', reject);
    child.on('exit', code => (code === 0 ? resolve() : reject(new Error(`the runner ended with ${code}`))));
  });
}
