import { join, posix, relative, sep } from 'node:path';
import type { SourceService } from '../service-source.ts';
import { contains, type Declared, hostPaths } from './privilege-asks.ts';

/** Where the keys of the mesh are. */
export interface KeyPlace {
  /** The folder of mesh.yaml. */
  readonly baseDir: string;
  readonly realPath: (path: string) => string;
}

/**
 * A container that mounts the whole project, as many do, gets it without the keys of the mesh: an empty file system lies over them. Whoever had the root's
 * key could be anybody.
 */
export function withCoveredKeys(source: SourceService, declared: Declared, { baseDir, realPath }: KeyPlace): SourceService {
  const { container } = source;
  const keys = realPath(join(baseDir, '.mesh'));
  const taken = new Set([
    ...container.tmpfs.map(line => line.split(':')[0] ?? ''),
    ...container.mounts.map(({ target }) => target),
  ]);
  const covers = container.mounts.flatMap(mount =>
    hostPaths(mount, declared)
      .map(realPath)
      .filter(real => contains(real, keys))
      .map(real => posix.join(mount.target, ...relative(real, keys).split(sep)))
      .filter(path => !taken.has(path)),
  );
  if (covers.length === 0) return source;
  const tmpfs = [...container.tmpfs, ...[...new Set(covers)].map(path => `${path}:ro,size=4k,mode=0`)];
  return { ...source, container: { ...container, tmpfs } };
}
