/** Who in the mesh reads the metrics of whom, by the snapshot in force. Pure. */
import { type ScrapeTargets, scrapeTargets } from '../snapshot/scrape-targets.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';

/**
 * Whether a pod at that address may read this sidecar's metrics. The address is proof enough, as it is of the host: answers go only to whoever has it, and to
 * take another pod's, or to read what is sent to it, an app would need `NET_RAW` or `NET_ADMIN`, which apps do not have.
 */
export function mayScrape(snapshot: Snapshot | null, address: string): boolean {
  if (snapshot === null) return false;
  // A scraper's own sidecar tells it the targets, on loopback.
  return snapshot.scrapers?.includes(address) === true || (snapshot.scrapes === true && address === '127.0.0.1');
}

/** All sidecars, for the app beside this one; `null`: it is no scraper. */
export function targetsFor(snapshot: Snapshot | null): readonly ScrapeTargets[] | null {
  return snapshot?.scrapes === true ? scrapeTargets(snapshot.mesh ?? '', snapshot.peers ?? []) : null;
}
