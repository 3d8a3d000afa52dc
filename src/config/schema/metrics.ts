import type { z } from 'zod';
import { fields } from './field.ts';
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

/** `metrics` as written. */
export type MetricsSpec = z.output<typeof metrics>;
