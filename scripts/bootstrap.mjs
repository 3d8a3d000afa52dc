// Brings what a bare machine is missing, in this order and saying so: npm packages, the pinned Node, the build, a Docker engine.
// Runs on Node 20 without any package; what is there already is left alone.
//
//   node scripts/bootstrap.mjs [--no-engine]
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ensureEngine } from './engine.mjs';
import { pinnedEnv, pinnedNode, root } from './pinned-node.mjs';
import { entry, run, say } from './say.mjs';

/** npm writes its own lock into node_modules at the end of an install: older than ours means another set of packages. */
function packagesAreCurrent() {
  const installed = `${root}node_modules/.package-lock.json`;
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${root}package-lock.json`).mtimeMs;
}

/** Does all steps, or those that are wanted. */
export async function bootstrap({ build = true, engine = true } = {}) {
  if (!packagesAreCurrent()) {
    say('packages', 'npm ci');
    // No package of ours needs its install script: the binaries come as packages of their own.
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: root });
  }
  const node = pinnedNode();
  const version = (await run(node, ['--version'])).trim();
  if (node !== process.execPath) say('node', `${version} from node_modules (this script runs on ${process.version})`);
  if (build) process.stderr.write(await run(node, ['scripts/build.mjs'], { cwd: root, env: pinnedEnv() }));
  if (engine) await ensureEngine();
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await entry(() => bootstrap({ engine: !process.argv.includes('--no-engine') }));
