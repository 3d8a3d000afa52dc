import { compareText } from '../diagnostic.ts';
import type { GatewayTlsConfig } from '../mesh-config.ts';
import { suggest } from '../nearest.ts';
import type { GatewaySpec } from '../schema/gateway.ts';
import type { Report } from './report.ts';
import type { TlsFiles } from './tls-files.ts';

/** Names that every certificate of the mesh's own is for: a gateway is reached on this machine. */
const ownNames = ['localhost', '127.0.0.1', '::1'];

/** The TLS of a gateway; absent where it has none, or a wrong one. */
export function tlsOf(gateway: GatewaySpec, path: readonly string[], files: TlsFiles): { tls?: GatewayTlsConfig } {
  if (gateway.tls === undefined) return {};
  const { cert, key, minVersion = '1.2' } = gateway.tls;
  const clients = clientsOf(gateway.tls.clients, [...path, 'tls', 'clients'], files);
  const hosts = [...new Set((gateway.routes ?? []).flatMap(rule => rule.hosts ?? []))]
    .filter(host => host !== '*')
    .sort(compareText);
  if (cert === undefined || key === undefined)
    return {
      tls: {
        minVersion,
        ...clients,
        certificate: { kind: 'issued', names: [...new Set([...hosts, ...ownNames, ...addressOf(gateway)])] },
      },
    };
  const pair = files.pair({ cert, key }, hosts, [...path, 'tls']);
  return pair === null ? {} : { tls: { minVersion, ...clients, certificate: { kind: 'files', ...pair } } };
}

/** Roots that cannot be read are errors: nobody comes in until they can. */
function clientsOf(
  written: NonNullable<GatewaySpec['tls']>['clients'],
  path: readonly string[],
  files: TlsFiles,
): Pick<GatewayTlsConfig, 'clients'> {
  if (written === undefined) return {};
  const { mode = 'required', ca } = written;
  return { clients: { mode, caPem: ca === undefined ? '' : (files.roots(ca, [...path, 'ca']) ?? '') } };
}

/** Of a gateway that listens at one address of the network, that one too. */
function addressOf({ address }: GatewaySpec): readonly string[] {
  return address === undefined || address === '0.0.0.0' || address === '::' ? [] : [address];
}

/** Checks the fields that are about TLS and redirection against each other. */
export function checkTls(gateway: GatewaySpec, path: readonly string[], report: Report): void {
  const { tls, protocol, redirectTo, routes } = gateway;
  if (tls !== undefined && tls.cert === undefined) {
    for (const [index, rule] of (routes ?? []).entries()) {
      // OpenSSL, browsers and Node all want two labels after the star.
      const host = rule.hosts?.find(one => /^\*\.[^.]+$/.test(one));
      if (host === undefined) continue;
      const message = `no client takes a certificate for \`${host}\``;
      const hint = `name the hosts, \`shop${host.slice(1)}\`, or go one deeper: \`*.shop${host.slice(1)}\``;
      report.warning([...path, 'routes', index, 'hosts'], { code: 'wildcard-certificate', message, hint });
    }
  }
  const given = tls?.cert === undefined ? 'key' : 'cert';
  if (tls !== undefined && (tls.cert === undefined) !== (tls.key === undefined)) {
    const missing = given === 'cert' ? 'key' : 'cert';
    report.error([...path, 'tls', given], {
      code: 'missing-field',
      message: `\`${given}\` without \`${missing}\``,
      hint: `write \`${missing}: ./${missing}.pem\``,
    });
  }
  if (tls !== undefined && protocol === 'tls') {
    const hint = '`protocol: tls` passes TLS through as it is; remove one of the two';
    report.error([...path, 'tls'], { code: 'tls-twice', key: true, message: '`tls` on a gateway that passes TLS through', hint });
  }
  if (redirectTo !== undefined && routes !== undefined) {
    const hint = 'a gateway that redirects forwards nothing: keep one of them';
    report.error([...path, 'redirectTo'], {
      code: 'redirect-and-routes',
      key: true,
      message: '`redirectTo` and `routes` in one gateway',
      hint,
    });
  } else if (redirectTo === undefined && routes === undefined) {
    report.error(path, {
      code: 'missing-field',
      message: 'the gateway leads nowhere',
      hint: 'write `routes: [{to: web}]`, or `redirectTo` a gateway with TLS',
    });
  }
}

/** Port of the gateway that requests are sent on to. */
export function redirectPort(
  gateway: GatewaySpec,
  all: Readonly<Record<string, GatewaySpec>>,
  path: readonly string[],
  report: Report,
): number | null {
  const { redirectTo } = gateway;
  if (redirectTo === undefined) return null;
  const target = Object.hasOwn(all, redirectTo) ? all[redirectTo] : undefined;
  const at = [...path, 'redirectTo'];
  const secure = Object.keys(all).filter(name => all[name]?.tls !== undefined && (all[name]?.protocol ?? 'http') === 'http');
  if (target === undefined) {
    report.error(at, {
      code: 'unknown-gateway',
      message: `there is no gateway \`${redirectTo}\``,
      hint: suggest(redirectTo, secure),
    });
  } else if (!secure.includes(redirectTo) || gateway.tls !== undefined || (gateway.protocol ?? 'http') !== 'http') {
    const self = gateway.tls !== undefined || (gateway.protocol ?? 'http') !== 'http';
    const message = self ? 'only plain HTTP is redirected' : `gateway \`${redirectTo}\` has no TLS`;
    const hint = self ? 'remove `redirectTo`' : `write \`tls: true\` for \`${redirectTo}\``;
    report.error(at, { code: 'bad-redirect', message, hint });
  }
  return target?.port ?? null;
}
