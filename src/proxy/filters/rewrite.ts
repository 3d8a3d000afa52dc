import type { PathRewrite, RouteMatch } from '../../snapshot/route-rule.ts';
import { pathOf } from '../route/path.ts';
import { compilePathRewrite } from '../route/path-rewrite.ts';
import type { RequestFilter } from './filter.ts';

/** Gives the request another path; the query stays. The server can see the old one in `x-envoy-original-path`. */
export function rewriteFilter(rewrite: PathRewrite, matches: readonly RouteMatch[]): RequestFilter {
  const rewritten = compilePathRewrite(rewrite, matches);
  return (head, _, decision) => {
    const { target } = head;
    if (target === '*') return null;
    decision.lines += `x-envoy-original-path: ${target}\r\n`;
    head.setPath(rewritten(pathOf(target), decision.matched));
    return null;
  };
}
