/** What a case says of header fields. */
import assert from 'node:assert/strict';

/** Fields that must be there with a value, and fields that must not be there. Names in any case. */
export interface ExpectedHeaders {
  readonly headers?: Readonly<Record<string, string>>;
  readonly absentHeaders?: readonly string[];
}
/** Of an answer: also fields with one of several values. */
export interface ExpectedResponse extends ExpectedHeaders {
  readonly headersAnyOf?: Readonly<Record<string, readonly string[]>>;
}

/** Spaces after a comma do not count. */
const folded = (value: string): string => value.replace(/, */g, ',');

/** @throws when a field is not as expected */
export function checkHeaders(expected: ExpectedHeaders, found: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(expected.headers ?? {}))
    assert.equal(folded(found[name.toLowerCase()] ?? '(absent)'), folded(value), name);
  for (const name of expected.absentHeaders ?? []) assert.equal(found[name.toLowerCase()], undefined, name);
}

/** @throws when a field is not as expected */
export function checkResponse(expected: ExpectedResponse, found: Readonly<Record<string, string>>): void {
  checkHeaders(expected, found);
  for (const [name, values] of Object.entries(expected.headersAnyOf ?? {})) {
    const value = folded(found[name.toLowerCase()] ?? '(absent)');
    assert.ok(values.map(folded).includes(value), `${name}: ${value}, not ${values.join(' or ')}`);
  }
}
