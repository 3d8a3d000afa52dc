import { z } from 'zod';
import { shown } from '../shown.ts';
import { access } from './access.ts';
import { field, fields, listOf, namedMap, oneOf, oneOrMany, text } from './field.ts';
import { address, port, size, trustDomain } from './leaves.ts';
import { gatewayRule, routes } from './route.ts';
import { mtlsMode, service } from './service.ts';

const version = field<1>(
  value => (value === 1 ? 1 : { problem: `version ${shown(value)} is not known`, hint: 'write `version: 1`' }),
  {
    const: 1,
  },
);

const projectName = field<string>(
  value =>
    typeof value === 'string' && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value)
      ? value
      : { problem: `${shown(value)} is not a mesh name`, hint: 'lower case letters, digits and `-`, at most 63: `bookshop`' },
  { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' },
);

const gateway = fields(
  {
    port,
    address: address.optional(),
    protocol: oneOf(['http', 'tcp']).optional(),
    routes: listOf(gatewayRule, '`- {to: web}`'),
  },
  '`web: {port: 8080, routes: [{to: storefront}]}`',
);

const proxy = fields(
  { image: text('an image').optional(), accessLog: oneOf(['off', 'text', 'json']).optional(), memory: size.optional() },
  '`{accessLog: json}`',
);

const composeSection = (name: string) =>
  z
    .unknown()
    .optional()
    .meta({ description: `Compose's top-level \`${name}\`.` });

/** mesh.yaml as written, its units read. @see resolve for what the fields come to */
export const meshSchema = fields(
  {
    version: version.optional(),
    name: projectName.optional(),
    compose: oneOrMany(text('a compose file', { type: 'string' }), '`compose.yaml`').optional(),
    trustDomain: trustDomain.optional(),
    services: namedMap(service, '`services: {web: {image: shop/web, port: 8080}}`, each service by name, `web: …`').optional(),
    gateways: namedMap(gateway, '`gateways: {web: {port: 8080, routes: [{to: storefront}]}}`').optional(),
    routes: routes.optional(),
    access: access.optional(),
    egress: oneOf(['allow-any', 'registry-only']).optional(),
    mtls: mtlsMode.optional(),
    proxy: proxy.optional(),
    volumes: composeSection('volumes'),
    secrets: composeSection('secrets'),
    networks: composeSection('networks'),
    configs: composeSection('configs'),
  },
  '`services:` and below it `web: {image: shop/web, port: 8080}`',
);

/** mesh.yaml as written: short and long forms side by side, units already numbers. */
export type MeshSpec = z.output<typeof meshSchema>;
export type GatewaySpec = z.output<typeof gateway>;
