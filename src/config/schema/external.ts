import { z } from 'zod';
import { field, fields, listOf, oneOf, oneOrMany, text } from './field.ts';
import { host, ipv4, port } from './leaves.ts';
import { policyFields } from './policy.ts';

const example = '`{hosts: [api.stripe.com], port: 443, tls: true}`';

const defaults: { readonly serverName?: undefined; readonly ca?: undefined; readonly insecure?: undefined } = {};

/** TLS with everything by default. */
const plainTls = field<typeof defaults>(
  value =>
    value === true
      ? defaults
      : { problem: '`tls` is neither `true` nor a mapping', hint: 'write `tls: true`, or `tls: {ca: ./ca.pem}`' },
  { const: true },
);

const tls = z.union([
  plainTls,
  fields(
    {
      serverName: host
        .optional()
        .describe('Server name that is asked for and that the certificate must have. Default: the host.'),
      ca: text('a file', { type: 'string' }).optional().describe('PEM file with the roots to trust. Default: the public ones.'),
      insecure: field<true>(
        value => (value === true ? true : { problem: '`insecure` is not `true`', hint: 'write `true`, or remove the line' }),
        { const: true },
      )
        .optional()
        .describe("`true`: the server's certificate is not checked."),
    },
    '`tls: true`, or `tls: {ca: ./ca.pem}`',
  ),
]);

/** A service outside the mesh. */
export const external = fields(
  {
    hosts: listOf(host, '`[api.stripe.com]`').describe(
      'Host names; `*.partner.com` leads where the name does, by server name or Host.',
    ),
    port: port.describe('Port of the service.'),
    protocol: oneOf(['http', 'tcp', 'tls'])
      .optional()
      .describe('What the app speaks. `tls`: passed through by server name. Default `http`.'),
    resolution: oneOf(['dns', 'static'])
      .optional()
      .describe(
        '`dns`: the sidecar asks for the addresses of the hosts. `static`: `addresses`. Default: `static` where there are `addresses`.',
      ),
    addresses: oneOrMany(ipv4, '`[10.1.2.3]`').optional().describe('IPv4 addresses of the service.'),
    tls: tls
      .optional()
      .describe(
        'The sidecar makes the TLS: the app calls plain HTTP (on port 80 or `port`) or TCP. `true`, or `{serverName, ca, insecure}`.',
      ),
    ...policyFields,
  },
  example,
);

/** An external service as written. */
export type ExternalSpec = z.output<typeof external>;
