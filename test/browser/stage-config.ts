/** Configurations of the made-up mesh, as the pages that read them need them. */
import type { ConfigDocument } from '../../src/api/types.ts';
import type { MeshConfig, ServiceConfig } from '../../src/config/mesh-config.ts';
import { renderConfig } from '../../src/config/render.ts';

/** A service with what the pages look at. */
export function service(name: string, more: Partial<ServiceConfig> = {}): ServiceConfig {
  return {
    name,
    namespace: 'default',
    account: name,
    aliases: [],
    ports: [{ port: 9080, name: 'http', protocol: 'http', protocolFrom: 'config' }],
    versions: [],
    mtls: 'strict',
    routes: [],
    ...more,
  } as ServiceConfig;
}

/** The configuration in force of some services. */
export function configDocument(
  services: readonly ServiceConfig[] = ['details', 'ratings', 'redis', 'reviews', 'storefront'].map(name => service(name)),
): ConfigDocument {
  const config = {
    name: 'bookshop',
    trustDomain: 'shop.local',
    namespace: 'default',
    baseDir: '/shop',
    files: ['/shop/mesh.yaml'],
    services,
    gateways: [{ name: 'web', hostAddress: '127.0.0.1', port: 8080, protocol: 'http', routes: [] }],
    mtls: 'strict',
    access: { default: 'allow', rules: [] },
    egress: 'allow',
  } as unknown as MeshConfig;
  return { apiVersion: 1, kind: 'Config', version: 'a1b2c3', config, text: renderConfig(config) };
}
