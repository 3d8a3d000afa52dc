import { compareText } from './diagnostic.ts';

/** Each text once, in byte order: how canonical lists stand whose order means nothing. */
export function uniqueTexts<T extends string>(texts: Iterable<T> = []): T[] {
  return [...new Set(texts)].sort(compareText);
}
