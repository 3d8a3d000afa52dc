/** The HTTP/1.1 wire corpus, run by its own runner against a real listener of the inbound data plane in this process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort, inboundSnapshot, startPlane } from '../proxy/data-plane-harness.ts';

const runner = fileURLToPath(new URL('../../../shared/cases/tools/run-wire.mjs', import.meta.url));
/** 240 cases, of which the runner leaves out four that take minutes and two marked slow. */
const expected = 234;

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
  const upstreamPort = await freePort();
  await using plane = await startPlane('inbound', inboundSnapshot(upstreamPort), { localPort: upstreamPort });
  const folder = await mkdtemp(join(tmpdir(), 'mesh-wire-'));
  try {
    const out = join(folder, 'results.json');
    await run([runner, '--target', `127.0.0.1:${plane.port}`, '--upstream-port', String(upstreamPort), '--out', out]);
    const results = JSON.parse(await readFile(out, 'utf8')) as readonly Result[];
    assert.deepEqual(
      results.filter(result => !result.ok && result.name !== http2).map(result => `${result.name}: ${result.why.join(' | ')}`),
      [],
    );
    assert.equal(results.length, expected);
    assert.deepEqual(plane.bugs, []);
  } finally {
    await rm(folder, { recursive: true });
  }
});

function run(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', reject);
    child.on('exit', code => (code === 0 ? resolve() : reject(new Error(`the runner ended with ${code}`))));
  });
}
