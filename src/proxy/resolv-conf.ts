import { isIP } from 'node:net';

/** What of resolv.conf matters to the sidecar. */
export interface ResolvConf {
  /** In order of preference; the resolver library uses the first three. */
  readonly nameservers: readonly string[];
  /** Lower case, without dots at the ends. */
  readonly search: readonly string[];
}

/** Reads resolv.conf(5). Unknown lines are passed over, the last `search` or `domain` line counts. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined && isIP(values[0]) !== 0 && nameservers.length < 3)
      nameservers.push(values[0]);
    if (keyword === 'search' || keyword === 'domain') {
      search = values.map(value => value.toLowerCase().replace(/^\.+|\.+$/g, '')).filter(value => value !== '');
    }
  }
  return { nameservers, search };
}
