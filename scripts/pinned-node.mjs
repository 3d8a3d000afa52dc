// The Node that this repository is developed and tested with: the binary inside an npm package. Runs on Node 20.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Stop } from './say.mjs';

/** The repository's root folder. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Path of a Node that runs the sources: the pinned one, or this one where the package has none for the system and it is new enough. */
export function pinnedNode() {
  const pinned = `${root}node_modules/node-linux-${process.arch}/bin/node`;
  if (process.platform === 'linux' && existsSync(pinned)) {
    const { stdout, stderr, error } = spawnSync(pinned, ['--version'], { encoding: 'utf8' });
    if (/^v\d+\./.test(stdout ?? '')) return pinned;
    throw new Stop(`The pinned Node does not run here: ${error?.message ?? stderr}`);
  }
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  throw new Stop(
    `There is no pinned Node for ${process.platform}-${process.arch}; run this with Node 22.18 or newer (this is ${process.version}).`,
  );
}

/** Environment in which `node` is the pinned one and the packages' commands are found. */
export function pinnedEnv() {
  const folder = pinnedNode().replace(/\/node$/, '');
  return { ...process.env, PATH: `${folder}:${root}node_modules/.bin:${process.env.PATH}` };
}
