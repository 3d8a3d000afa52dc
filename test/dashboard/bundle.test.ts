/** What the dashboard weighs, and what of it a page has to load before it shows anything. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';

/** Bytes. */
const limits = { all: 400_000, first: 90_000 } as const;

const { dashboardBundle } = (await import(new URL('../../scripts/dashboard.mjs', import.meta.url).href)) as {
  dashboardBundle: { readonly entryPoints: Readonly<Record<string, string>>; readonly outdir: string };
};
const { outputFiles, metafile } = await esbuild.build({ ...dashboardBundle, write: false, metafile: true });
const size = new Map(
  outputFiles.map(({ path, contents }) => [path.slice(path.indexOf(dashboardBundle.outdir)), gzipSync(contents).length]),
);

/** An output with all that it imports before it runs. */
function withImports(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const { path, kind } of metafile.outputs[file]?.imports ?? []) if (kind === 'import-statement') withImports(path, seen);
  return seen;
}

describe('the dashboard', () => {
  const entry = Object.keys(metafile.outputs).find(
    file => metafile.outputs[file]?.entryPoint === dashboardBundle.entryPoints['dashboard'],
  );
  assert.ok(entry);

  test(`weighs no more than ${limits.all / 1_000} KB, compressed`, () => {
    const all = [...size.values()].reduce((sum, each) => sum + each, 0);
    assert.ok(all > 100_000 && all <= limits.all, `${all} bytes`);
  });

  test(`shows its first page after ${limits.first / 1_000} KB of script, without the graph's`, () => {
    const files = [...withImports(entry)];
    const inputs = files.flatMap(file => Object.keys(metafile.outputs[file]?.inputs ?? {}));
    assert.ok(inputs.some(input => input.includes('node_modules/preact/')));
    assert.deepEqual(
      inputs.filter(input => /node_modules\/(cytoscape|@dagrejs)\//.test(input)),
      [],
    );
    const first = files.reduce((sum, file) => sum + (size.get(file) ?? 0), 0);
    assert.ok(first > 10_000 && first <= limits.first, `${first} bytes`);
  });
});
