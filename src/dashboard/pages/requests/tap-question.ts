/** What the page asks of the tap, as it stands in the page's address. */

/** Where it is seen. */
export const places = ['destination', 'source', 'both'] as const;
/** Bytes of each body, as texts. */
export const bodySizes = ['', '4096', '65536'] as const;

const texts = ['from', 'to', 'path', 'method', 'status', 'header'] as const;

/** One of some words; the first of them for everything else. */
export function oneOf<T extends string>(words: readonly [T, ...T[]], word: string | null): T {
  return words.find(each => each === word) ?? words[0];
}

/** The path of the API for a query of the page. */
export function tapPath(query: URLSearchParams): string {
  const asked = new URLSearchParams({ at: oneOf(places, query.get('at')) });
  for (const name of texts) {
    const value = query.get(name) ?? '';
    if (value !== '') asked.set(name, value);
  }
  const bodyBytes = oneOf(bodySizes, query.get('bodies'));
  if (bodyBytes !== '') asked.set('bodyBytes', bodyBytes);
  return `/v1/tap?${asked}`;
}

/** Whether not all is shown. */
export function isNarrowed(query: URLSearchParams): boolean {
  return texts.some(name => (query.get(name) ?? '') !== '');
}

/** No conditions any more. */
export const anything: Readonly<Record<string, string>> = Object.fromEntries(texts.map(name => [name, '']));
