import type { ExternalConfig, GatewayConfig, ServiceConfig } from '../mesh-config.ts';
import type { MeshSpec } from '../schema/mesh.ts';
import { uniqueTexts } from '../unique-texts.ts';
import { type AbsentServices, Destinations } from './destinations.ts';
import type { Report } from './report.ts';

/** What names of scrapers are looked up in. */
export interface ScraperNames {
  readonly services: readonly ServiceConfig[];
  readonly external: readonly ExternalConfig[];
  readonly gateways: readonly GatewayConfig[];
  readonly absent: AbsentServices;
}

/** Names of the services that may read every sidecar's metrics, sorted. They are known by their pods' addresses, so that it must be pods of the mesh. */
export function resolveScrapers(spec: MeshSpec, names: ScraperNames, report: Report): readonly string[] {
  const { services, external, gateways, absent } = names;
  const inside = new Destinations(services, absent, report);
  const written = spec.metrics?.scrapers ?? [];
  for (const [place, name] of written.entries()) {
    const path = report.entry(['metrics', 'scrapers'], place);
    const outside = external.some(one => one.name === name);
    if (outside || gateways.some(one => one.name === name)) {
      const what = outside ? 'is outside the mesh' : 'is a gateway';
      const message = `\`${name}\` ${what}: only an app in the mesh is known to a sidecar that it scrapes`;
      const hint = 'name the service that Prometheus runs as; one on this machine needs no entry';
      report.error(path, { code: 'scraper-no-service', message, hint });
    } else inside.service(name, path);
  }
  return uniqueTexts(written);
}
