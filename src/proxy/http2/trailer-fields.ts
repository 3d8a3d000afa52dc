import { notInTrailers } from '../http1/chunk-reader.ts';
import { bit, knownField } from '../http1/known-field.ts';
import type { HeaderField } from './header-field.ts';
import type { FieldSink } from './hpack-decoder.ts';

/** Turns the fields of a trailer section into canonical lines, without those that must not come in one. One object serves all connections. */
export class TrailerFields implements FieldSink {
  #bad = false;
  #lines = '';

  /** Begins a new section. */
  reset(): void {
    this.#bad = false;
    this.#lines = '';
  }

  field(field: HeaderField): void {
    if (field.line === '') this.#bad = true;
    else if (isAllowed(field)) this.#lines += field.line;
  }

  /** `null` for a section that RFC 9113 §8 forbids. */
  get lines(): string | null {
    return this.#bad ? null : this.#lines;
  }
}

/** Tables give the same fields again and again. */
const judged = new WeakMap<HeaderField, boolean>();

function isAllowed(field: HeaderField): boolean {
  if (field.kind !== 'plain') return false;
  const before = judged.get(field);
  if (before !== undefined) return before;
  const name = Buffer.from(field.name, 'latin1');
  const allowed = (bit(knownField(name, 0, name.length)) & notInTrailers) === 0;
  judged.set(field, allowed);
  return allowed;
}
