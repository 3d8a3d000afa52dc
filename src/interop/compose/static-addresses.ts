import { at, type Cursor, entriesOf, itemsOf } from './cursor.ts';
import type { Report } from './report.ts';

/** Says where a service was told the static address of another: as its nameserver or in its hosts file it would lead nowhere. */
export function checkStaticAddresses(services: Cursor | null, report: Report): void {
  const owners = new Map<string, string>();
  const all = services === null ? [] : entriesOf(services);
  for (const { name, value } of all) {
    const networks = at(value, 'networks');
    for (const network of networks === null ? [] : entriesOf(networks)) {
      const address = at(network.value, 'ipv4_address');
      if (address?.node.kind === 'scalar') owners.set(address.node.source, name);
    }
  }
  for (const { value } of all) {
    for (const key of ['dns', 'extra_hosts']) {
      const list = at(value, key);
      for (const item of list === null ? [] : itemsOf(list)) {
        if (item.node.kind !== 'scalar') continue;
        const address = /[\d.]+$/.exec(item.node.source)?.[0] ?? '';
        const owner = owners.get(address);
        if (owner === undefined) continue;
        const message = `${item.path} leads nowhere: ${address} was the static address of \`${owner}\`, which is not kept`;
        const hint =
          key === 'dns'
            ? 'remove it; names of the mesh resolve without it'
            : `remove it and call \`${owner}\`, or give that service the name as an alias`;
        report.warn(item, 'compose-static-address', message, hint);
      }
    }
  }
}
