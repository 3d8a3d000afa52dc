import type { z } from 'zod';
import { fields, oneOrMany, text } from './field.ts';
import { path } from './http-leaves.ts';
import { port } from './leaves.ts';

/** Where an app has metrics of its own. */
export const metrics = fields(
  {
    port: port.describe('Port on which the app has its metrics; it need not be among those that others call.'),
    path: path.optional().describe('Default `/metrics`.'),
  },
  '`{port: 9100, path: /metrics}`',
);

/** `metrics` of a service as written. */
export type MetricsSpec = z.output<typeof metrics>;

/** Metrics of all sidecars. */
export const meshMetrics = fields(
  {
    scrapers: oneOrMany(text('a service', { type: 'string' }), '`[prometheus]`')
      .optional()
      .describe('Services of the mesh that may read the metrics of every sidecar on port 15020, beside the host. Default: none.'),
  },
  '`{scrapers: [prometheus]}`',
);
