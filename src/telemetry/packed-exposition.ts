import { deflateRawSync, inflateRawSync } from 'node:zlib';

/**
 * One family of a text exposition on its way to the daemon. Nearly all of its bytes are the same labels again: deflated it is a thirtieth, and the daemon can
 * hold those of a whole mesh.
 */
export interface PackedFamily {
  /** Its HELP and TYPE lines. */
  readonly head: string;
  /** Its samples, deflated, in base64. */
  readonly samples: string;
}

/** No family that a sidecar makes is longer. */
const maxSamplesBytes = 64 * 1024 * 1024;
const headLine = /^# (?:HELP|TYPE) ([a-zA-Z_:][\w:]*)(?: .*)?\n/gm;

/** Takes a text exposition apart, family by family. What stands before the first head is left out. */
export function packExposition(text: string): readonly PackedFamily[] {
  const lines = [...text.matchAll(headLine)];
  const families: PackedFamily[] = [];
  let head = '';
  lines.forEach(({ 0: line, 1: name, index }, i) => {
    head += line;
    const next = lines[i + 1];
    const samples = text.slice(index + line.length, next?.index);
    if (samples === '' && next?.[1] === name) return;
    families.push({ head, samples: deflateRawSync(samples, { level: 1 }).toString('base64') });
    head = '';
  });
  return families;
}

/** The samples of a packed family. @throws Error for what was not packed, or is too long */
export function unpackSamples(packed: Buffer, maxBytes: number = maxSamplesBytes): string {
  return inflateRawSync(packed, { maxOutputLength: Math.min(maxBytes, maxSamplesBytes) }).toString();
}
