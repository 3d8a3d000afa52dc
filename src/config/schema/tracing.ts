import { z } from 'zod';
import { fields, oneOf, oneOrMany } from './field.ts';
import { percent } from './http-leaves.ts';

const example = '`{sample: 10%}`';

/** How requests are traced: `off`, a share of them, or in full. */
export const tracing = z.union([
  oneOf(['off'], `a share, \`10%\`, or ${example}`),
  percent.transform(sample => ({ sample, propagation: undefined })),
  fields(
    {
      sample: percent
        .optional()
        .describe(
          'Of the requests for which nobody has decided before; a decision that comes with a request is kept. Default `100%`.',
        ),
      propagation: oneOrMany(oneOf(['w3c', 'b3', 'b3-multi']), '`[w3c, b3]`')
        .optional()
        .describe(
          'Headers that tell the trace to apps: `w3c` is traceparent, `b3` the single header, `b3-multi` x-b3-traceid and so on. All of them are read. Default `[w3c, b3]`.',
        ),
    },
    example,
  ),
]);

/** `tracing` as written. */
export type TracingSpec = z.output<typeof tracing>;
