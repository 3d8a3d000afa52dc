import { z } from 'zod';
import { shown } from '../shown.ts';
import { access } from './access.ts';
import { accessLog } from './access-log.ts';
import { authorizer } from './authorizer.ts';
import { external } from './external.ts';
import { field, fields, integer, namedMap, oneOf, oneOrMany, text } from './field.ts';
import { gateway } from './gateway.ts';
import { identity } from './identity.ts';
import { namespace, size, trustDomain } from './leaves.ts';
import { meshMetrics } from './metrics.ts';
import { mtlsMode } from './mtls.ts';
import { routes } from './route.ts';
import { service } from './service.ts';
import { tokens } from './token.ts';
import { tracing } from './tracing.ts';

const version = field<1>(
  value =>
    value === 1
      ? 1
      : {
          problem: `version ${shown(value)} is not known`,
          hint: 'the version of this format is 1: write `version: 1`, or nothing',
        },
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

const proxy = fields(
  {
    image: text('an image').optional().describe('Base image of the sidecar. Default: made from the running Node.'),
    accessLog: accessLog
      .optional()
      .describe('A line for every request: `off`, `text`, `json` or `{format, filter}`. Default `text`.'),
    memory: size.optional().describe('Memory limit of one sidecar. Default `128m`.'),
  },
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
    version: version.optional().describe('Version of this format. Default `1`.'),
    name: projectName.optional().describe("Name of the mesh and project. Default: compose's `name`, else the folder."),
    compose: oneOrMany(text('a compose file', { type: 'string' }), '`compose.yaml`')
      .optional()
      .describe(
        'Compose files whose services run in the mesh; later files override earlier ones. What mesh.yaml says goes on top.',
      ),
    trustDomain: trustDomain.optional().describe('Domain of the identities. Default `<name>.local`.'),
    namespace: namespace
      .optional()
      .describe('Namespace of gateways and services: a part of their identity, not of their names. Default `default`.'),
    identity: identity.optional().describe('How long identities last, and former names of the trust domain.'),
    services: namedMap(service, '`services: {web: {image: shop/web, port: 8080}}`, each service by name, `web: …`')
      .optional()
      .describe('Services by name: those of the compose files that need more said, and those written here.'),
    gateways: namedMap(gateway, '`gateways: {web: {port: 8080, routes: [{to: storefront}]}}`')
      .optional()
      .describe('Ports on this machine that lead into the mesh, by name.'),
    external: namedMap(external, '`external: {stripe: {hosts: [api.stripe.com], port: 443, tls: true}}`')
      .optional()
      .describe('Services outside the mesh, by name: called and routed as those inside.'),
    routes: routes
      .optional()
      .describe('Rules by service: the first rule that matches decides. Without rules requests go evenly to all versions.'),
    access: access
      .optional()
      .describe(
        'Who may call whom. A list that allows something refuses everything else; with `{default, rules}` you say what becomes of the rest.',
      ),
    authorizers: namedMap(authorizer, '`authorizers: {opa: {service: opa, port: 8181}}`')
      .optional()
      .describe('Services that access rules ask by HTTP whether a request may pass, by name.'),
    pathNormalization: oneOf(['strict', 'none', 'base', 'merge-slashes', 'decode-and-merge-slashes'])
      .optional()
      .describe(
        'The one form of a path that is judged and sent on. Default: `strict` where access rules judge paths, else paths go on as they came.',
      ),
    tokens: tokens
      .optional()
      .describe('Issuers whose tokens (JWT) are taken: a request with a bad one is answered with 401, one without passes.'),
    egress: oneOf(['allow-any', 'registry-only'])
      .optional()
      .describe('Calls to addresses outside the mesh: let through (default), or only to known services.'),
    seed: integer(0, 999_999_999, 'a seed', 42)
      .optional()
      .describe('Makes splits, faults, mirrors and jitter repeatable, as tests need it. Default: drawn anew.'),
    mtls: mtlsMode
      .optional()
      .describe(
        'Connections between sidecars: `strict` (default) refuses plaintext, `permissive` takes both, `disabled` is plaintext.',
      ),
    tracing: tracing
      .optional()
      .describe('Traces of requests: `off`, a share of the requests, or `{sample, propagation}`. Default: all of them.'),
    metrics: meshMetrics.optional().describe('Who may read the metrics of the sidecars.'),
    proxy: proxy.optional().describe('The sidecars.'),
    volumes: composeSection('volumes'),
    secrets: composeSection('secrets'),
    networks: composeSection('networks'),
    configs: composeSection('configs'),
  },
  '`services:` and below it `web: {image: shop/web, port: 8080}`',
);

/** mesh.yaml as written: short and long forms side by side, units already numbers. */
export type MeshSpec = z.output<typeof meshSchema>;
