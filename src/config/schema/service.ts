import { z } from 'zod';
import { accessDefault } from './access.ts';
import { accessLog } from './access-log.ts';
import { composeServiceKeys } from './compose-keys.ts';
import { fields, integer, namedMap, oneOf, oneOrMany, text } from './field.ts';
import { account, host, namespace, port } from './leaves.ts';
import { metrics } from './metrics.ts';
import { serviceMtls } from './mtls.ts';
import { policyFields, rateLimits } from './policy.ts';
import { tracing } from './tracing.ts';

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
  fields(
    {
      service: text('a compose service')
        .optional()
        .describe('Compose service that the version runs. Default `<service>-<version>`, from the keys beside it.'),
      replicas: replicas.optional().describe('Pods to run. Default: that of compose, else `1`.'),
      ...compose,
    },
    '`v1: reviews-v1`',
  ),
]);

/** One service of mesh.yaml: our keys, then compose's. */
export const service = fields(
  {
    port: port
      .optional()
      .describe('Port the app listens on. Default: `ports` and `expose` of compose, else EXPOSE of the image.'),
    protocol: oneOf(['http', 'http2', 'h2c', 'grpc', 'tcp', 'auto'])
      .optional()
      .describe("What the port speaks. Default: from the port's name, the image, or the port's number; else `auto`."),
    versions: namedMap(version, '`{v1: reviews-v1, v2: reviews-v2}`')
      .optional()
      .describe('Versions of the service: each a compose service by name, or a service written in place.'),
    replicas: replicas.optional().describe('Pods to run. Default: that of compose, else `1`.'),
    mtls: serviceMtls.optional().describe('Overrides `mtls` of the mesh: a mode, or `{mode, ports}`.'),
    access: accessDefault
      .optional()
      .describe('Calls to this service that no access rule speaks of. Default: as `access` of the mesh says.'),
    accessLog: accessLog.optional().describe('Access log of the sidecars of this service, instead of `proxy.accessLog`.'),
    account: account
      .optional()
      .describe(
        "Identity `spiffe://<trust domain>/ns/<namespace>/sa/<account>`; services may share one. Default: the service's name.",
      ),
    tracing: tracing.optional().describe('Overrides `tracing` of the mesh at the sidecars of this service.'),
    metrics: metrics
      .optional()
      .describe("The app's own metrics in Prometheus' text format: its sidecar puts them behind its own on port 15020."),
    namespace: namespace.optional().describe('Overrides `namespace` of the mesh.'),
    ...policyFields,
    rateLimit: rateLimits.optional().describe('Token bucket at the sidecar of the service, beyond it 429: one, or a list.'),
    aliases: oneOrMany(host, '`[catalog]`').optional().describe('Other DNS names of the service.'),
    ...compose,
  },
  '`web: {image: shop/web, port: 8080}`',
);

/** A service as written. */
export type ServiceSpec = z.output<typeof service>;
