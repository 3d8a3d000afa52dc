import { escapeLine } from '../../text/escape.ts';
import { at, type Cursor, entriesOf, isNull, itemsOf } from './cursor.ts';
import type { Report } from './report.ts';
import { readText, readTexts } from './scalar.ts';

const FIXED = ['ipv4_address', 'ipv6_address', 'link_local_ips', 'mac_address'];

/** What of a service's place in networks has a meaning in the mesh: the names it answers to. The rest is said. */
export function readNetwork(service: Cursor, report: Report): readonly string[] {
  const aliases: string[] = [];
  const networks = at(service, 'networks');
  for (const { name, value } of networks === null ? [] : entriesOf(networks)) {
    aliases.push(...readTexts(at(value, 'aliases'), report));
    for (const option of entriesOf(value)) {
      if (FIXED.includes(option.name)) fixedAddress(option.value, option.name, report);
      else if (option.name !== 'aliases' && !option.name.startsWith('x-')) {
        report.warnOnce(
          `networks.${option.name}`,
          option.key,
          'compose-key-ignored',
          `${option.name} of network ${name} is ignored: all pods share the mesh's network`,
        );
      }
    }
  }
  const mac = at(service, 'mac_address');
  if (mac !== null) fixedAddress(mac, 'mac_address', report);
  networkMode(at(service, 'network_mode'), report);
  return aliases;
}

/** Names that a service's networks have to be declared under. */
export function networkNames(service: Cursor): readonly Cursor[] {
  const networks = at(service, 'networks');
  if (networks === null || isNull(networks)) return [];
  return networks.node.kind === 'map' ? entriesOf(networks).map(({ key }) => key) : itemsOf(networks);
}

function fixedAddress(cursor: Cursor, key: string, report: Report): void {
  report.warnOnce(
    key,
    cursor,
    'compose-static-address',
    `${key} is not kept: the engine gives every pod its address`,
    'call the service by its name; where an app was told this address, tell it the name instead',
  );
}

function networkMode(cursor: Cursor | null, report: Report): void {
  const mode = readText(cursor, report);
  if (cursor === null || mode === null || mode === 'bridge' || mode === 'default') return;
  const [kind, target = ''] = mode.split(':');
  if (kind === 'host') {
    const hint = 'list the ports the host should see under ports, and call other services by name instead of localhost';
    report.warnOnce(
      mode,
      cursor,
      'compose-network-mode',
      'network_mode: host cannot be kept: the service gets a pod with a network of its own',
      hint,
    );
  } else if (kind === 'none') {
    const hint = 'remove the key, or forbid calls with access rules and egress: registry-only';
    report.warnOnce(
      mode,
      cursor,
      'compose-network-mode',
      'network_mode: none cannot be kept: every pod is on the network of the mesh',
      hint,
    );
  } else if (kind === 'service' || kind === 'container') {
    const hint = `call \`${escapeLine(target)}\` by its name instead of localhost; leave the service out (profiles) if it was a proxy, the mesh brings its own`;
    report.warn(
      cursor,
      'compose-network-mode',
      `network_mode: ${mode} cannot be kept: the service gets a pod with a network of its own`,
      hint,
    );
  } else {
    report.warn(
      cursor,
      'compose-network-mode',
      `network_mode: ${mode} is not kept: all pods share the mesh's network`,
      'remove the key',
    );
  }
}
