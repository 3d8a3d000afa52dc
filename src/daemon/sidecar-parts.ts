import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MeshError } from '../api/mesh-error.ts';

/** Folder of the sidecar's bundle: beside the built command, or in `dist` of a checkout. @throws MeshError `not-built` */
export function findBundle(): string {
  const places = ['./sidecar', '../sidecar', '../../dist/sidecar'].map(place => fileURLToPath(new URL(place, import.meta.url)));
  const found = places.find(place => existsSync(join(place, 'sidecar.cjs')));
  if (found === undefined)
    throw new MeshError('not-built', 'the sidecar has not been built', 'run `npm run build` in the checkout');
  return found;
}

/**
 * A Node binary that runs on Linux of the engine's architecture: the pinned one of the npm package, else our own where it fits;
 * `null` where there is none (then `proxy.image` must name a base image).
 */
export function findNodeBinary(engineArch: string): string | null {
  const arch = engineArch === 'amd64' || engineArch === 'x86_64' ? 'x64' : engineArch === 'aarch64' ? 'arm64' : engineArch;
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-linux-${arch}/package.json`);
    const binary = join(dirname(manifest), 'bin', 'node');
    if (existsSync(binary)) return binary;
  } catch {
    // The optional package is not installed.
  }
  return process.platform === 'linux' && process.arch === arch ? process.execPath : null;
}
