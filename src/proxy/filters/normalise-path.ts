import type { PathNormalization } from '../../snapshot/access-policy.ts';
import { pathNormalizer } from '../route/normal-path.ts';
import { pathOf } from '../route/path.ts';
import type { RequestFilter } from './filter.ts';

/** Gives requests the one form of their path: the app gets what the filters after this one judge, not what it may read in another way. `null`: paths stay as they are. */
export function pathFilter(mode: PathNormalization): RequestFilter | null {
  if (mode === 'none') return null;
  const normalize = pathNormalizer(mode);
  return (head, _, decision) => {
    if (head.target === '*') return null;
    const path = pathOf(head.target);
    const normal = normalize(path);
    if (normal === null) return 'bad-path';
    if (normal === path) return null;
    head.setPath(normal);
    decision.path = head.target;
    return null;
  };
}
