// Builds the dashboard into a folder of files that the daemon serves: one page, one style sheet, scripts, all named by what is in them.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './pinned-node.mjs';

/** esbuild options; `test/architecture.test.ts` and the size limit read their metafile. */
export const dashboardBundle = {
  absWorkingDir: root,
  entryPoints: {
    dashboard: 'src/dashboard/main.tsx',
    layout: 'src/dashboard/layout/worker.ts',
    style: 'src/dashboard/style/main.css',
  },
  outdir: 'dist/dashboard',
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  tsconfig: 'src/dashboard/tsconfig.json',
  bundle: true,
  splitting: true,
  minify: true,
  platform: 'browser',
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  metafile: true,
  logLevel: 'error',
};

/** Builds it into a folder; resolves to esbuild's metafile. */
export async function buildDashboard(esbuild, folder = join(root, dashboardBundle.outdir)) {
  const { metafile } = await esbuild.build({ ...dashboardBundle, outdir: folder });
  const { outputs } = metafile;
  const builtFrom = input =>
    basename(Object.keys(outputs).find(file => outputs[file].entryPoint === input) ?? `nothing was built from ${input}`);
  mkdirSync(folder, { recursive: true });
  const icon = readFileSync(join(root, 'src/dashboard/icon.svg'));
  const iconName = `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`;
  writeFileSync(join(folder, iconName), icon);
  const page = readFileSync(join(root, 'src/dashboard/page.html'), 'utf8')
    .replace('/ICON', `/${iconName}`)
    .replace('/STYLE', `/${builtFrom(dashboardBundle.entryPoints.style)}`)
    .replace('/SCRIPT', `/${builtFrom(dashboardBundle.entryPoints.dashboard)}`)
    // Known to the script by its place in the page: its name has a hash.
    .replace('/LAYOUT', `/${builtFrom(dashboardBundle.entryPoints.layout)}`);
  writeFileSync(join(folder, 'index.html'), page);
  return metafile;
}
