import type { HeaderField } from './header-field.ts';
import type { FieldSink } from './hpack-decoder.ts';

/** Turns the fields of an answer into canonical text; one object serves all connections. */
export class ResponseFields implements FieldSink {
  /** 0: there is none, or not a proper one. */
  status = 0;
  #bad = false;
  #lines = '';

  /** Begins a new head. */
  reset(): void {
    this.status = 0;
    this.#bad = false;
    this.#lines = '';
  }

  field(field: HeaderField): void {
    if (field.kind === 'status') {
      if (this.status !== 0 || this.#lines !== '' || !/^[1-5]\d\d$/.test(field.value)) this.#bad = true;
      else this.status = Number(field.value);
    } else if (field.line === '' || field.kind === 'te') this.#bad = true;
    else this.#lines += field.line;
  }

  /** The field lines; `null` for an answer that RFC 9113 §8 forbids. */
  get lines(): string | null {
    return this.#bad || this.status === 0 ? null : this.#lines;
  }
}
