import { isIPv4 } from 'node:net';
import type { ExternalConfig, ServiceConfig } from '../mesh-config.ts';
import type { ExternalSpec } from '../schema/external.ts';
import type { MeshSpec } from '../schema/mesh.ts';
import { uniqueTexts } from '../unique-texts.ts';
import type { YamlPath } from '../yaml-node.ts';
import { checkPolicy, policyOf } from './policy.ts';
import type { Report } from './report.ts';
import { checkName, namespaceOf } from './services.ts';
import type { TlsFiles } from './tls-files.ts';

/** Services outside the mesh, without their routes. In the order of the file. */
export function resolveExternal(
  spec: MeshSpec,
  services: readonly ServiceConfig[],
  files: TlsFiles,
  report: Report,
): ExternalConfig[] {
  const owners = new Map<string, string>();
  for (const { name, aliases } of services)
    for (const one of [name, ...aliases]) owners.set(one.toLowerCase(), `service \`${name}\``);
  return Object.entries(spec.external ?? {}).map(([name, external]) => {
    const path = ['external', name];
    checkName(name, path, 'service', report);
    const taken = owners.get(name.toLowerCase());
    if (taken !== undefined) {
      const message = `external service \`${name}\` has the name of ${taken}`;
      report.error(path, { code: 'name-clash', key: true, message, hint: `call it \`${name}-external\`` });
    }
    owners.set(name.toLowerCase(), `external service \`${name}\``);
    for (const [index, host] of external.hosts.entries()) {
      const owner = owners.get(host);
      if (owner === undefined) owners.set(host, `external service \`${name}\``);
      else if (host !== name) {
        const hint = 'a name leads to one service: remove it from one of them';
        report.error([...path, 'hosts', index], {
          code: 'name-clash',
          message: `\`${host}\` is already a name of ${owner}`,
          hint,
        });
      }
    }
    for (const [index, address] of (external.addresses ?? []).entries()) {
      if (isUnreachable(address)) {
        const message = `\`${address}\` is no address outside the mesh`;
        report.error(report.entry([...path, 'addresses'], index), {
          code: 'bad-value',
          message,
          hint: "127.0.0.0/8 is the pod itself, 240.0.0.0/4 the mesh's own; of this machine it is `host.docker.internal`",
        });
      }
      const place = `${address}:${external.port}`;
      const owner = owners.get(place);
      if (owner !== undefined && owner !== `external service \`${name}\``) {
        const hint = 'what is dialled by address leads to one service: remove it from one of them';
        report.error([...path, 'addresses'], { code: 'name-clash', message: `${place} is already that of ${owner}`, hint });
      }
      owners.set(place, `external service \`${name}\``);
    }
    checkParts(external, path, report);
    const endpoints = external.addresses?.length ?? 0;
    checkPolicy(external, path, { endpoints, onlyTcp: (external.protocol ?? 'http') !== 'http' }, report);
    return build(name, external, { path, files, namespace: namespaceOf(spec) });
  });
}

/** Access rules are kept by the sidecar of the service that is called, and out there is none. */
export function checkExternalAccess(spec: MeshSpec, external: readonly ExternalConfig[], report: Report): void {
  const names = new Set(external.map(one => one.name));
  const path: YamlPath = report.isList(['access']) ? ['access'] : ['access', 'rules'];
  for (const [index, rule] of (spec.access?.rules ?? []).entries()) {
    for (const part of ['from', 'to'] as const) {
      const at = [...path, index, part];
      for (const [place, name] of (rule[part] ?? []).entries()) {
        if (!names.has(name)) continue;
        const message = `\`${name}\` is outside the mesh: no sidecar there ${part === 'to' ? 'keeps access rules' : 'makes it known to others'}`;
        const hint =
          part === 'to'
            ? 'rules protect services of the mesh; `egress: registry-only` bounds what is called outside'
            : 'remove it';
        report.error(report.isList(at) ? [...at, place] : at, { code: 'access-external', message, hint });
      }
    }
  }
}

/** This host, loopback, multicast and class E, where the virtual addresses are. */
function isUnreachable(address: string): boolean {
  const first = Number(address.split('.')[0]);
  return first === 0 || first === 127 || first >= 224;
}

function checkParts(external: ExternalSpec, path: YamlPath, report: Report): void {
  const { hosts, protocol = 'http', resolution, addresses, tls } = external;
  const error = (part: string, code: string, message: string, hint: string): void =>
    report.error([...path, part], { code, key: true, message, hint });
  const numeric = hosts.find(host => isIPv4(host));
  if (numeric !== undefined)
    error('hosts', 'bad-value', `\`${numeric}\` is an address`, `write a name for it, and \`addresses: [${numeric}]\``);
  const inside = hosts.find(host => /(^|\.)(localhost|mesh)$/.test(host));
  if (inside !== undefined)
    error('hosts', 'bad-value', `\`${inside}\` is a name inside the mesh`, 'name a host outside, e.g. `host.docker.internal`');
  const wildcard = hosts.find(host => host.startsWith('*'));
  if (wildcard === '*') {
    error(
      'hosts',
      'bad-value',
      '`*` is every host',
      'name a domain, `*.partner.com`; `egress: allow-any` lets everything through',
    );
  } else if (wildcard !== undefined && protocol === 'tcp') {
    error(
      'hosts',
      'wildcard-on-tcp',
      `\`${wildcard}\`: raw TCP has no host name`,
      'write exact hosts, or `protocol: tls` where the app speaks TLS',
    );
  } else if (wildcard !== undefined && (addresses !== undefined || resolution === 'static')) {
    error(
      'hosts',
      'wildcard-with-addresses',
      `\`${wildcard}\` leads where the name does`,
      'remove `addresses` and `resolution`, or write exact hosts',
    );
  } else if (wildcard !== undefined && tls !== undefined) {
    error(
      'tls',
      'wildcard-with-tls',
      `TLS cannot be made for \`${wildcard}\``,
      'write exact hosts, or `protocol: tls` where the app speaks TLS itself',
    );
  }
  if (tls !== undefined && protocol === 'tls')
    error(
      'tls',
      'tls-twice',
      '`tls` with `protocol: tls`',
      '`protocol: tls` passes the TLS of the app through: remove one of the two',
    );
  if (tls?.insecure === true && tls.ca !== undefined)
    error('tls', 'bad-value', '`insecure` and `ca` at once', 'with `insecure` nothing is checked: remove one of the two');
  if (resolution === 'static' && addresses === undefined)
    error('resolution', 'missing-field', '`resolution: static` without `addresses`', 'write `addresses: [10.1.2.3]`');
  if (resolution === 'dns' && addresses !== undefined)
    error('addresses', 'bad-value', '`addresses` with `resolution: dns`', 'remove one of the two');
}

function build(
  name: string,
  external: ExternalSpec,
  { path, files, namespace }: { readonly path: YamlPath; readonly files: TlsFiles; readonly namespace: string },
): ExternalConfig {
  const { hosts, port, protocol: speaks = 'http', tls } = external;
  const caPem = tls?.ca === undefined ? null : files.roots(tls.ca, [...path, 'tls', 'ca']);
  return {
    name,
    namespace,
    account: name,
    aliases: [],
    ports: [{ port, name: '', protocol: speaks === 'http' ? 'http' : 'tcp', protocolFrom: 'config' }],
    versions: [],
    mtls: 'disabled',
    ...policyOf(external),
    routes: [],
    hosts: [...new Set(hosts.filter(host => !host.startsWith('*')))],
    wildcards: uniqueTexts(hosts.filter(host => host.startsWith('*.'))),
    speaks,
    addresses: uniqueTexts(external.addresses),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            serverName: tls.serverName ?? '',
            ...(caPem === null ? {} : { caPem }),
            ...(tls.insecure === true ? { insecure: true } : {}),
          },
        }),
  };
}
