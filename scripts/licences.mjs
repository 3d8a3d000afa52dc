// Licences of the packages whose code is in a bundle: MIT and ISC ask that copies carry them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './pinned-node.mjs';

/** Packages that a bundle holds, told by esbuild's metafile, sorted. */
export function bundledPackages({ inputs }) {
  const names = Object.keys(inputs).flatMap(file => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  return [...new Set(names)].sort();
}

/** Their names, versions and licences as one text. A package without a licence file is an error. */
export function licenceText(packages) {
  return packages
    .map(name => {
      const folder = join(root, 'node_modules', name);
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find(each => /^licen[cs]e(\.\w+)?$/i.test(each));
      if (file === undefined) throw new Error(`${name} has no licence file`);
      return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}
