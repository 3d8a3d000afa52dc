import { z } from 'zod';
import { composeServiceKeys } from './compose-keys.ts';
import { fields, integer, namedMap, oneOf, oneOrMany, text } from './field.ts';
import { duration, host, port } from './leaves.ts';

type ComposeKey = (typeof composeServiceKeys)[number];

const compose = Object.fromEntries(
  composeServiceKeys.map(key => [
    key,
    z
      .unknown()
      .optional()
      .meta({ description: `Compose's \`${key}\`.` }),
  ]),
) as Record<ComposeKey, z.ZodOptional<z.ZodUnknown>>;

const replicas = integer(0, 100, 'a number of replicas', 2);

/** What a version runs: a compose service by name, or a service written here with compose's keys. */
const version = z.union([
  text('a compose service', { type: 'string' }).transform(service => ({ service, replicas: undefined })),
  fields({ service: text('a compose service').optional(), replicas: replicas.optional(), ...compose }, '`v1: reviews-v1`'),
]);

/** How traffic is protected: `strict` refuses plaintext. */
export const mtlsMode = oneOf(['strict', 'permissive', 'disabled']);

/** One service of mesh.yaml: our keys, then compose's. */
export const service = fields(
  {
    port: port.optional(),
    protocol: oneOf(['http', 'tcp', 'auto']).optional(),
    versions: namedMap(version, '`{v1: reviews-v1, v2: reviews-v2}`').optional(),
    replicas: replicas.optional(),
    mtls: mtlsMode.optional(),
    balancer: oneOf(['round-robin', 'least-request']).optional(),
    connectTimeout: duration.optional(),
    aliases: oneOrMany(host, '`[catalog]`').optional(),
    ...compose,
  },
  '`web: {image: shop/web, port: 8080}`',
);

export type ServiceSpec = z.output<typeof service>;
export type VersionSpec = z.output<typeof version>;
