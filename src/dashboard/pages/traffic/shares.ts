import type { RouteShare, RouteStats, RoutesDocument } from '../../../api/stats.ts';

/** One line of the table: a rule and one place that it sends requests to. */
export interface ShareLine {
  readonly key: string;
  readonly route: RouteStats;
  readonly share: RouteShare;
  /** The first line of its rule. */
  readonly first: boolean;
  readonly drift: Drift;
}

/** How the observed share is to the one asked for; `few`: too little was seen to tell. */
export type Drift = 'as-asked' | 'few' | 'off' | 'not-in-force';

/** All lines of a document. Default rules that took nothing are left out unless `all`. */
export function shareLines({ routes }: RoutesDocument, all: boolean): readonly ShareLine[] {
  return routes
    .filter(({ hits, inForce, destinations }) => all || hits > 0 || (inForce && destinations.length > 1))
    .flatMap(route =>
      route.destinations.map((share, index) => ({
        key: `${route.service}\0${route.rule}\0${share.service}\0${share.version}`,
        route,
        share,
        first: index === 0,
        drift: driftOf(route, share),
      })),
    );
}

/**
 * Chance alone moves an observed share by less than three standard deviations in 997 of 1,000 cases: only what is farther away is called off.
 * Retries and sticky sessions do that; so does a rule that was changed within the window.
 */
export function driftOf({ hits, inForce }: RouteStats, { share, intended }: RouteShare): Drift {
  if (!inForce || intended === null) return 'not-in-force';
  if (share === intended) return 'as-asked';
  if (share === null || hits < 30) return 'few';
  const deviation = Math.sqrt((intended * (1 - intended)) / hits);
  return Math.abs(share - intended) <= Math.max(3 * deviation, 1 / hits) ? 'as-asked' : 'off';
}
