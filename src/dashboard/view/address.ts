/** Where the page is, in the fragment of its address: `#/requests?from=web&status=5xx`. It survives a reload and can be passed on. */
import { signal } from '@preact/signals';

/** A page and what it shows. */
export interface Address {
  /** `map` */
  readonly page: string;
  /** Part after the page: an id, or the empty string. */
  readonly id: string;
  readonly query: URLSearchParams;
}

/** Reads a fragment. */
export function readAddress(fragment: string): Address {
  const [path = '', query = ''] = fragment.replace(/^#\/?/, '').split('?', 2);
  const [page = '', id = ''] = path.split('/', 2);
  return { page: page === '' ? 'map' : page, id: decode(id), query: new URLSearchParams(query) };
}

/** The fragment of a page; empty values are left out. */
export function hrefOf(page: string, query: Readonly<Record<string, string>> = {}, id = ''): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const text = new URLSearchParams(given).toString();
  return `#/${page}${id === '' ? '' : `/${encodeURIComponent(id)}`}${text === '' ? '' : `?${text}`}`;
}

/** The address now. */
export const address = signal<Address>(readAddress(globalThis.location?.hash ?? ''));

/** Goes on to another state of the same page, without a step for the back button. Empty values are taken out. */
export function setQuery(changes: Readonly<Record<string, string>>): void {
  const { page, id, query } = address.value;
  history.replaceState(null, '', hrefOf(page, { ...Object.fromEntries(query), ...changes }, id));
  address.value = readAddress(location.hash);
}

/** Follows the address from now on. */
export function watchAddress(): void {
  const read = (): void => {
    address.value = readAddress(location.hash);
  };
  read();
  addEventListener('hashchange', read);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
