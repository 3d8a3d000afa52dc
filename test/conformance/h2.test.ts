/** The HTTP/2 corpus, run by its own runner against a real listener of the inbound data plane in this process, with an HTTP/1 server behind it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inboundSnapshot, listen, startPlane } from '../proxy/data-plane-harness.ts';

const runner = fileURLToPath(new URL('../../../shared/cases/tools/run-h2.mjs', import.meta.url));
const expected = 51;

interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly statuses: readonly number[];
  readonly rst: readonly number[];
  readonly goaway: number | null;
}

test('every case of the HTTP/2 corpus holds', {
  skip: existsSync(runner) ? false : 'the corpus is not beside this repository',
}, async () => {
  const complete: { readonly url: string; readonly head: string }[] = [];
  const app = createServer((request: IncomingMessage, response) => {
    request.resume().on('end', () => {
      complete.push({ url: request.url ?? '', head: JSON.stringify(request.rawHeaders) });
      response.end('ok');
    });
    request.on('error', () => {});
  });
  const port = await listen(app);
  await using plane = await startPlane('inbound', inboundSnapshot(port), { localPort: port });
  const folder = await mkdtemp(join(tmpdir(), 'mesh-h2-'));
  try {
    const out = join(folder, 'results.json');
    await run([runner, '--target', `127.0.0.1:${plane.port}`, '--out', out]);
    const results = JSON.parse(await readFile(out, 'utf8')) as readonly Result[];
    assert.deepEqual(
      results
        .filter(result => !result.ok)
        .map(({ name, statuses, rst, goaway }) => `${name}: ${statuses} rst ${rst} goaway ${goaway}`),
      [],
    );
    assert.equal(results.length, expected);
    // What the corpus asks of the server behind, which its runner cannot see.
    assert.deepEqual(
      complete.filter(({ url, head }) => url.includes('SMUGGLED') || /chunked.*x-a|evil\.mesh|sa\/admin/i.test(head)),
      [],
    );
    assert.ok(complete.some(({ head }) => head.includes('"cookie","a=1; b=2"')));
    assert.deepEqual(plane.bugs, []);
  } finally {
    await rm(folder, { recursive: true });
    app.closeAllConnections();
    await new Promise(resolve => app.close(resolve));
  }
});

function run(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', reject);
    child.on('exit', code => (code === 0 ? resolve() : reject(new Error(`the runner ended with ${code}`))));
  });
}
