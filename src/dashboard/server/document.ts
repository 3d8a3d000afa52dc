import { escapeLines } from '../../text/escape.ts';

/**
 * Reads a document of the API. Characters that would turn the direction of writing, or that cannot be seen, become visible escapes: names and paths come from
 * others. The daemon writes them as `\u…` in JSON, so a text without that has none.
 */
export function readDocument<T>(json: string): T {
  if (!json.includes('\\u')) return JSON.parse(json) as T;
  return JSON.parse(json, (_, value: unknown) => (typeof value === 'string' ? escapeLines(value) : value)) as T;
}
