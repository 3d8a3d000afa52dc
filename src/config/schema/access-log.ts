import { z } from 'zod';
import { isFilterProblem, parseFilter } from '../../text/access-filter.ts';
import { shown } from '../shown.ts';
import { field, fields, oneOf } from './field.ts';

const formats = ['off', 'text', 'json'] as const;
const example = '`{format: json, filter: "status >= 400"}`';

const filter = field<string>(
  value => {
    if (typeof value !== 'string') return { problem: `${shown(value)} is not a filter`, hint: 'a text, e.g. `"status >= 400"`' };
    const read = parseFilter(value);
    return isFilterProblem(read)
      ? { problem: `${read.problem} (character ${read.at + 1} of the filter)`, hint: read.hint }
      : value;
  },
  { type: 'string', examples: ['status >= 400', 'method == POST and path startsWith /api'] },
);

/** Which requests leave a line, and of which form. */
export const accessLog = z.union([
  oneOf(formats, example).transform(format => ({ format, filter: undefined })),
  fields(
    {
      format: oneOf(formats).optional().describe("Form of the lines. Default: the mesh's, else `text`."),
      filter: filter.optional().describe('Only requests that it holds for leave a line: `status >= 400`. Default: all.'),
    },
    example,
  ),
]);

/** `accessLog` as written. */
export type AccessLogSpec = z.output<typeof accessLog>;
