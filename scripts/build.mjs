// Builds dist/: the sidecar's bundle, the command's and the dashboard's files. Nothing is done when nothing changed; two builds are byte-equal.
//
//   node scripts/build.mjs [--force]
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildDashboard } from './dashboard.mjs';
import { bundledPackages, licenceText } from './licences.mjs';
import { root } from './pinned-node.mjs';
import { entry, Stop, say } from './say.mjs';

const dist = join(root, 'dist');
const stamp = join(dist, 'inputs.sha256');

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(item => item.isFile())
    .map(item => join(item.parentPath ?? item.path, item.name))
    .sort();
}

/** Hash of every file that the outcome depends on. */
function inputsHash() {
  const hash = createHash('sha256');
  const inputs = [
    ...filesBelow(join(root, 'src')),
    join(root, 'package.json'),
    join(root, 'package-lock.json'),
    fileURLToPath(import.meta.url),
    join(root, 'scripts/dashboard.mjs'),
    join(root, 'scripts/licences.mjs'),
  ];
  for (const file of inputs)
    hash.update(`${file.slice(root.length)}\0`).update(createHash('sha256').update(readFileSync(file)).digest());
  return hash.digest('hex');
}

/** esbuild options of the sidecar's bundle; `test/architecture.test.ts` reads its metafile. */
export const sidecarBundle = {
  absWorkingDir: root,
  entryPoints: ['src/proxy/main.ts'],
  outfile: 'dist/sidecar/sidecar.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  // A script has no import.meta; where a source needs its folder, this is it.
  define: { 'import.meta.dirname': '__dirname' },
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'error',
};

const cliBundle = {
  absWorkingDir: root,
  entryPoints: { cli: 'src/cli/main.ts' },
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  chunkNames: 'cli/[name]-[hash]',
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node22',
  legalComments: 'none',
  logLevel: 'error',
};

/** Builds what is out of date. */
export async function build({ force = false } = {}) {
  const hash = inputsHash();
  if (!force && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  for (const file of [sidecarBundle.entryPoints[0], cliBundle.entryPoints.cli]) {
    if (!existsSync(join(root, file))) throw new Stop(`The build needs ${file}, which is not there.`);
  }
  const esbuild = await import('esbuild');
  rmSync(dist, { recursive: true, force: true });
  const sidecar = await esbuild.build(sidecarBundle);
  await esbuild.build(cliBundle);
  const page = await buildDashboard(esbuild);
  const bundled = new Set([...bundledPackages(sidecar.metafile), ...bundledPackages(page)]);
  writeFileSync(join(dist, 'licences.txt'), licenceText([...bundled, 'koffi'].sort()));
  // The one native file that the sidecar loads, for the architecture of this machine (npm installs no other).
  const koffi = join(root, `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`);
  if (existsSync(koffi)) copyFileSync(koffi, join(dist, 'sidecar/koffi.node'));
  writeFileSync(stamp, hash);
  say(
    'build',
    `dist/ is ready, the sidecar's bundle has ${Math.ceil(statSync(join(root, sidecarBundle.outfile)).size / 1024)} KiB`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await entry(() => build({ force: process.argv.includes('--force') }));
