import { normalPath, pathOf } from '../route/path.ts';
import type { RequestFilter } from './filter.ts';

/** Gives the request the one form of its path: the app gets what the filters after this one judge, not what it may read in another way. */
export const normalisePath: RequestFilter = head => {
  if (head.target === '*') return null;
  const path = pathOf(head.target);
  const normal = normalPath(path);
  if (normal === null) return 'bad-path';
  if (normal !== path) head.setPath(normal);
  return null;
};
