import { z } from 'zod';
import { fields, namedMap, oneOf } from './field.ts';

const modes = ['strict', 'permissive', 'disabled'] as const;
const example = '`{mode: strict, ports: {9091: disabled}}`';

/** How traffic is protected: `strict` refuses plaintext. */
export const mtlsMode = oneOf(modes);

/** The same of a service, with what differs for some of its ports. */
export const serviceMtls = z.union([
  oneOf(modes, example).transform(mode => ({ mode, ports: undefined })),
  fields(
    {
      mode: mtlsMode.optional().describe('For all ports that are not named. Default: `mtls` of the mesh.'),
      ports: namedMap(mtlsMode, '`{9091: disabled}`')
        .optional()
        .describe('Modes by port of the app. A port that is named nowhere else is open so too, but no caller finds it by name.'),
    },
    example,
  ),
]);

/** `services.<name>.mtls` as written. */
export type ServiceMtlsSpec = z.output<typeof serviceMtls>;
