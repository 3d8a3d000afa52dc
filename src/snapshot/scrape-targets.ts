import { ports } from './ports.ts';

/** Where a sidecar has its metrics, and those of the app beside it; Istio's path. */
export const statsPath = '/stats/prometheus';

/** Targets with labels that they share. @see https://prometheus.io/docs/prometheus/latest/http_sd/ */
export interface ScrapeTargets {
  /** `172.20.0.5:15020` */
  readonly targets: readonly string[];
  /** Put on every sample; those that begin with `__` only tell how to ask. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A pod as far as a scraper needs to know it. */
export interface ScrapedPod {
  /** IPv4 address; `null`: none now. */
  readonly address: string | null;
  readonly workload: string;
  readonly service: string;
  /** Of the service, or the empty string. */
  readonly version: string;
}

/** The sidecars of a mesh as Prometheus' HTTP service discovery wants them, one entry each: `workload` tells replicas apart and outlives addresses. */
export function scrapeTargets(mesh: string, pods: readonly ScrapedPod[]): readonly ScrapeTargets[] {
  return pods.flatMap(({ address, workload, service, version }) =>
    address === null
      ? []
      : [
          {
            targets: [`${address}:${ports.stats}`],
            labels: { __metrics_path__: statsPath, mesh, service, ...(version === '' ? {} : { version }), workload },
          },
        ],
  );
}
