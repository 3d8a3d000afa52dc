/** Ports that nothing says but the EXPOSE of an image: known only when the image is there. Pure. */
import type { MeshConfig, PortConfig, ServiceConfig } from './mesh-config.ts';
import { chooseProtocol } from './protocol.ts';
import { destinationsOf } from './rule-destinations.ts';

/** Images whose EXPOSE matters: of the services for which no port is written. */
export function imagesWithoutPorts(config: MeshConfig): readonly string[] {
  return [...new Set(config.services.filter(service => service.ports.length === 0).flatMap(imagesOf))];
}

/**
 * Gives services without ports those that their images expose. They are marked, for nobody may wait for them: a worker made from
 * the image of a web server exposes its port and never listens there.
 */
export function withExposedPorts(config: MeshConfig, exposedOf: (image: string) => readonly number[]): MeshConfig {
  const fill = (service: ServiceConfig): ServiceConfig => {
    if (service.ports.length > 0) return service;
    const images = imagesOf(service);
    const ports = [...new Set(images.flatMap(exposedOf))].sort((a, b) => a - b);
    if (ports.length === 0) return service;
    const found = ports.map((port): PortConfig => {
      const protocol = chooseProtocol({ configured: service.protocol, port, portName: '', appProtocol: '', images });
      return { port, name: '', ...protocol, exposed: true };
    });
    return { ...service, ports: found };
  };
  return { ...config, services: config.services.map(fill) };
}

/** Services without a port that rules lead to, or that have rules: calls to them cannot arrive. Sorted. */
export function calledWithoutPort(config: MeshConfig): readonly string[] {
  const rules = [...config.services, ...(config.external ?? []), ...config.gateways].flatMap(owner => owner.routes);
  const called = new Set(rules.flatMap(rule => destinationsOf(rule).map(destination => destination.service)));
  return config.services
    .filter(service => service.ports.length === 0 && (called.has(service.name) || service.routes.length > 0))
    .map(service => service.name);
}

function imagesOf(service: ServiceConfig): readonly string[] {
  return service.versions.map(version => version.container.image);
}
