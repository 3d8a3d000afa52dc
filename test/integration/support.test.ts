import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineJson, runStray } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { ensureImages, images } from '../support/images.ts';

test('a stray container runs, its two streams and exit code come back, and it is gone', async () => {
  await ensureImages();
  const output = await runStray(images.node, ['node', '-e', 'console.log("out"); console.error("err"); process.exit(3)'], {
    network: 'none',
  });
  assert.deepEqual(output, { exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
  const left = (await engineJson('GET', '/containers/json?all=1&filters={"label":["localmesh.test=stray"]}')) as unknown[];
  assert.deepEqual(left, []);
});

test('eventually returns the value of the first success and fails with the last reason', async () => {
  let tries = 0;
  assert.equal(
    await eventually(() => {
      tries += 1;
      if (tries < 3) throw new Error('not yet');
      return tries;
    }),
    3,
  );
  await assert.rejects(
    eventually(() => assert.equal(1, 2, 'still one'), { timeoutMs: 1 }),
    /did not come true in 1 ms: still one/,
  );
});
