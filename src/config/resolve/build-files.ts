import { resolve } from 'node:path';
import { type Diagnostic, errorAt } from '../diagnostic.ts';
import type { SourceService } from '../service-source.ts';

/** Places named in one message; more would be a list to scroll through. */
const maxAlso = 3;

/** Folders to build from and Dockerfiles that are not there: each told once, at the first service that wants it. */
export function missingBuildFiles(sources: readonly SourceService[], exists: (path: string) => boolean): Diagnostic[] {
  const wanted = sources.flatMap(source => {
    const { build } = source.container;
    if (build === null || /:\/\/|^git@/.test(build.context)) return [];
    if (!exists(build.context)) return [{ source, key: 'context', path: build.context }];
    const dockerfile = resolve(build.context, build.dockerfile);
    return exists(dockerfile) ? [] : [{ source, key: 'dockerfile', path: dockerfile }];
  });
  return [...Map.groupBy(wanted, one => one.path).values()].flatMap(group => {
    const [first, ...others] = group;
    if (first === undefined) return [];
    const { source, key, path } = first;
    const also = others.map(other => `${other.source.path}.build`);
    const more = also.length > maxAlso ? ` and ${also.length - maxAlso} more` : '';
    const told = also.length === 0 ? '' : ` (also for ${also.slice(0, maxAlso).join(', ')}${more})`;
    const isContext = key === 'context';
    return [
      errorAt({
        code: 'file-not-found',
        at: source.positions.get(`build.${key}`) ?? source.positions.get('build') ?? source.at,
        path: `${source.path}.build`,
        message: `the ${isContext ? 'folder to build from' : 'Dockerfile'} was not found: ${path}${told}`,
        hint: isContext
          ? 'correct the path; it starts at the file it is written in'
          : 'correct `build.dockerfile`; it starts at the context',
      }),
    ];
  });
}
