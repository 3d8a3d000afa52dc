import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BuildOptions, build } from 'esbuild';

test('two builds of the sidecar are byte-equal, so that its image keeps its tag', async () => {
  const { sidecarBundle } = (await import(new URL('../../scripts/build.mjs', import.meta.url).href)) as {
    sidecarBundle: BuildOptions;
  };
  const once = async (): Promise<string> => (await build({ ...sidecarBundle, write: false })).outputFiles?.[0]?.text ?? '';
  const first = await once();
  assert.ok(first.length > 10_000);
  assert.equal(await once(), first);
});
