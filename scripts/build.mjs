// Builds dist/: the sidecar's bundle and the command's. Nothing is done when nothing changed; two builds are byte-equal.
//
//   node scripts/build.mjs [--force]
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
  ];
  for (const file of inputs)
    hash.update(`${file.slice(root.length)}\0`).update(createHash('sha256').update(readFileSync(file)).digest());
  return hash.digest('hex');
}

/** The sidecar's image carries koffi's one native file beside the bundle and none of its JavaScript. */
const koffiBeside = {
  name: 'koffi-beside',
  setup(build) {
    build.onResolve({ filter: /^koffi(\/.*)?$/ }, () => ({ path: 'koffi', namespace: 'koffi-beside' }));
    build.onLoad({ filter: /.*/, namespace: 'koffi-beside' }, () => ({
      contents: "module.exports = require('./koffi.node');",
      loader: 'js',
    }));
    build.onResolve({ filter: /^\.\/koffi\.node$/ }, ({ path }) => ({ path, external: true }));
  },
};

/** esbuild options of the sidecar's bundle; `test/architecture.test.ts` reads its metafile. */
export const sidecarBundle = {
  absWorkingDir: root,
  entryPoints: ['src/proxy/main.ts'],
  outfile: 'dist/sidecar/sidecar.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  // import.meta.url exists only in modules; the bundle is a script.
  define: { 'import.meta.url': '__filename' },
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'error',
  plugins: [koffiBeside],
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

/** Where npm put koffi's native file for an architecture. */
const koffiFile = arch => join(root, `node_modules/@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);

/** Builds what is out of date. */
export async function build({ force = false } = {}) {
  const hash = inputsHash();
  if (!force && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  for (const file of [sidecarBundle.entryPoints[0], cliBundle.entryPoints.cli]) {
    if (!existsSync(join(root, file))) throw new Stop(`The build needs ${file}, which is not there.`);
  }
  const esbuild = await import('esbuild');
  rmSync(dist, { recursive: true, force: true });
  await esbuild.build(sidecarBundle);
  await esbuild.build(cliBundle);
  for (const arch of ['x64', 'arm64']) {
    if (!existsSync(koffiFile(arch))) continue;
    mkdirSync(join(dist, 'sidecar', `linux-${arch}`), { recursive: true });
    copyFileSync(koffiFile(arch), join(dist, 'sidecar', `linux-${arch}`, 'koffi.node'));
  }
  writeFileSync(stamp, hash);
  say(
    'build',
    `dist/ is ready, the sidecar's bundle has ${Math.ceil(statSync(join(root, sidecarBundle.outfile)).size / 1024)} KiB`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await entry(() => build({ force: process.argv.includes('--force') }));
