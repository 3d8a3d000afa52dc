import { exitCodes, MeshError } from '../api/mesh-error.ts';

/** Reads `-H 'end-user: jason'`. @throws MeshError `usage` */
export function readHeader(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new MeshError('usage', `"${text}" is no header`, "-H 'end-user: jason'", exitCodes.usage);
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}
