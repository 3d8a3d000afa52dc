import { z } from 'zod';
import { field, fields, integer, listOf, oneOf, text } from './field.ts';
import { address, port } from './leaves.ts';
import { gatewayRule } from './route.ts';

const defaults: {
  readonly cert?: undefined;
  readonly key?: undefined;
  readonly minVersion?: undefined;
  readonly clients?: undefined;
} = {};

/** TLS ended with a certificate that the mesh's CA issues. */
const issued = field<typeof defaults>(
  value =>
    value === true
      ? defaults
      : {
          problem: '`tls` is neither `true` nor a mapping',
          hint: 'write `tls: true`, or `tls: {cert: ./cert.pem, key: ./key.pem}`',
        },
  { const: true },
);

const clientsMode = oneOf(['required', 'optional'], 'a mapping: `{mode: optional, ca: ./clients-ca.pem}`');

/** Certificates of clients (mutual TLS). */
const clients = z.union([
  clientsMode.transform(mode => ({ mode, ca: undefined })),
  fields(
    {
      mode: oneOf(['required', 'optional'])
        .optional()
        .describe('Default `required`. `optional`: whoever has none comes in without identity.'),
      ca: text('a file', { type: 'string' })
        .optional()
        .describe('PEM file with the roots that clients have certificates of. Default: the CA of the mesh (`mesh ca issue`).'),
    },
    '`required`, or `{mode: optional, ca: ./clients-ca.pem}`',
  ),
]);

const tls = z.union([
  issued,
  fields(
    {
      cert: text('a file', { type: 'string' })
        .optional()
        .describe('PEM file with the certificate, then those between it and the root. Default: issued by the CA of the mesh.'),
      key: text('a file', { type: 'string' }).optional().describe('PEM file with the private key of the certificate.'),
      minVersion: oneOf(['1.2', '1.3']).optional().describe('Oldest TLS version that clients may speak. Default `"1.2"`.'),
      clients: clients
        .optional()
        .describe(
          '`required`: clients must show a certificate too (mutual TLS); `optional`, or `{mode, ca}`. Default: nobody is asked.',
        ),
    },
    '`tls: true`, or `tls: {cert: ./cert.pem, key: ./key.pem}`',
  ),
]);

/** A port on this machine that leads into the mesh. */
export const gateway = fields(
  {
    port: port.describe('Port on this machine.'),
    address: address.optional().describe('Address on this machine to listen at. Default `127.0.0.1`.'),
    protocol: oneOf(['http', 'tcp', 'tls'])
      .optional()
      .describe('Default `http`. `tls`: TLS is passed through as it is, to the service that the server name (SNI) says.'),
    tls: tls
      .optional()
      .describe(
        '`true`: TLS is ended here, with a certificate from the CA of the mesh for the hosts of the rules; or `{cert, key}`.',
      ),
    trustedHops: integer(0, 16, 'a number of proxies', 1)
      .optional()
      .describe('Proxies in front of the gateway whose `x-forwarded-for` and `x-forwarded-proto` are believed. Default `0`.'),
    redirectTo: text('a gateway', { type: 'string' })
      .optional()
      .describe('Name of the gateway with TLS that every request is redirected to (301); instead of `routes`.'),
    routes: listOf(gatewayRule, '`- {to: web}`').optional().describe('Rules in order; `to` is needed.'),
  },
  '`web: {port: 8080, routes: [{to: storefront}]}`',
);

/** A gateway as written. */
export type GatewaySpec = z.output<typeof gateway>;
