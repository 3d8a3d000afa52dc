/** A value of a condition, taken apart: `abc`, `abc*`, `*abc`, `*` for anything but the empty string. */
export interface AccessValue {
  readonly kind: 'present' | 'exact' | 'prefix' | 'suffix';
  readonly text: string;
  readonly test: (value: string) => boolean;
}

/** Takes a value apart. @see AccessCondition */
export function accessValue(written: string): AccessValue {
  if (written === '*') return { kind: 'present', text: '', test: found => found !== '' };
  if (written.endsWith('*')) {
    const text = written.slice(0, -1);
    return { kind: 'prefix', text, test: found => found.startsWith(text) };
  }
  if (written.startsWith('*')) {
    const text = written.slice(1);
    return { kind: 'suffix', text, test: found => found.endsWith(text) };
  }
  return { kind: 'exact', text: written, test: found => found === written };
}

/** Whether a value of a condition matches. */
export function matchesValue(written: string, value: string): boolean {
  return accessValue(written).test(value);
}
