import type { TapBody } from '../../../api/tap.ts';
import { bytesOf, textOf } from '../../../text/body-text.ts';
import { escapeLines } from '../../../text/escape.ts';

const perLine = 16;
/** More of a body that is no text nobody reads. */
const maxHexBytes = 4_096;

/** A body for people. */
export interface ShownBody {
  /** `text`, or `hex` for what is none. */
  readonly form: 'text' | 'hex';
  readonly text: string;
  /** Bytes that came. */
  readonly bytes: number;
}

/** A body as text that nothing obeys, or as bytes with the printable ones beside them. */
export function shownBody(body: TapBody): ShownBody {
  const bytes = bytesOf(body.base64);
  const text = textOf(body);
  const end = body.cut ? '\n…' : '';
  if (text !== null) return { form: 'text', text: escapeLines(text) + end, bytes: bytes.length };
  const shown = bytes.subarray(0, maxHexBytes);
  return { form: 'hex', text: hexOf(shown) + (shown.length < bytes.length ? '\n…' : end), bytes: bytes.length };
}

function hexOf(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += perLine) {
    const part = [...bytes.subarray(at, at + perLine)];
    const hex = part.map(byte => byte.toString(16).padStart(2, '0')).join(' ');
    const printable = part.map(byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(perLine * 3 - 1)}  ${printable}`);
  }
  return lines.join('\n');
}
