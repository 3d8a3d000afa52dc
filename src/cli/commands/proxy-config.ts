import { connectApi } from '../../api/client.ts';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import { apiVersion, type RunningConfig, type RunningState } from '../../api/types.ts';
import type { Invocation } from '../invocation.ts';
import { policyText } from '../policy-text.ts';
import { actionText, extrasText, matchText, weights } from '../rule-text.ts';
import { table } from '../table.ts';

const parts = ['listeners', 'routes', 'clusters', 'endpoints', 'access', 'dns', 'state', 'all'] as const;
type Part = (typeof parts)[number];

/** `mesh proxy-config <workload> [part]`: asked of the sidecar itself, not of the control plane's memory. */
export async function run(
  { project, output }: Invocation,
  args: readonly string[],
  options: { readonly json?: boolean },
): Promise<number> {
  const [name = '', wanted = 'all'] = args;
  const part = parts.find(each => each === wanted);
  if (part === undefined)
    throw new MeshError(
      'usage',
      `no part "${wanted}" of a sidecar's configuration`,
      `one of ${parts.join(', ')}`,
      exitCodes.usage,
    );
  const api = connectApi(project.socket);
  const workload = resolve(name, (await api.status()).workloads);
  if (part === 'state') {
    output.json({ apiVersion, kind: 'ProxyState', workload, state: await api.query(workload, 'state') });
    return exitCodes.ok;
  }
  const running = (await api.query(workload, 'config')) as RunningConfig | null;
  if (running === null) throw new MeshError('no-config', `${workload} has no configuration yet`, '`mesh proxy-status` says why');
  if (options.json) output.json({ apiVersion, kind: 'ProxyConfig', workload, part, config: select(running, part) });
  else {
    const asked = part === 'endpoints' || part === 'all';
    output.data(text(running, asked ? ((await api.query(workload, 'state')) as RunningState | null) : null, part));
  }
  return exitCodes.ok;
}

/** A workload by its name, or by that of a service that has one only. @throws MeshError `unknown-workload` */
export function resolve(name: string, workloads: readonly { readonly name: string; readonly service: string }[]): string {
  const pods = workloads.filter(each => each.service === name).map(each => each.name);
  if (workloads.some(each => each.name === name)) return name;
  if (pods.length === 1 && pods[0] !== undefined) return pods[0];
  const all = workloads.map(each => each.name);
  const near = pods.length > 0 ? pods : all.filter(each => each.startsWith(`${name}-`));
  const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `one of ${all.join(', ')}`;
  throw new MeshError('unknown-workload', `no workload "${name}" runs`, hint);
}

function select(config: RunningConfig, part: Part): unknown {
  switch (part) {
    case 'listeners':
      return { inbound: config.inbound, outbound: config.outbound, gateway: config.gateway };
    case 'routes':
      return config.routeTables;
    case 'clusters':
      return config.clusters.map(({ endpoints, ...cluster }) => ({ ...cluster, endpoints: endpoints.length }));
    case 'endpoints':
      return config.clusters.map(({ name, endpoints }) => ({ cluster: name, endpoints }));
    case 'access':
      return accessOf(config);
    case 'dns':
      return config.dns;
    case 'state':
    case 'all':
      return config;
  }
}

function text(config: RunningConfig, state: RunningState | null, part: Part): string {
  if (part === 'all' || part === 'state') {
    const sections = (['listeners', 'routes', 'clusters', 'endpoints', 'access', 'dns'] as const).map(
      each => `${each.toUpperCase()}\n${text(config, state, each)}`,
    );
    return [`${config.workload} runs ${config.version}`, ...sections].join('\n\n');
  }
  return tableOf(config, state, part).join('\n');
}

/** `-` where the sidecar is too old to tell, or has not got to know the endpoint. */
function healthOf(state: RunningState | null, cluster: string, address: string): string {
  const known = state?.clusters?.find(each => each.name === cluster)?.endpoints.find(each => each.address === address);
  return known?.health ?? '-';
}

function tableOf(config: RunningConfig, state: RunningState | null, part: Exclude<Part, 'state' | 'all'>): readonly string[] {
  switch (part) {
    case 'listeners':
      return table(
        ['DIRECTION', 'ADDRESS', 'PORT', 'PROTOCOL', 'TO'],
        [
          ...config.gateway.map(each => ['gateway', '-', String(each.port), gatewayProtocol(each), gatewayTarget(each)]),
          ...config.inbound.map(each => ['inbound', '-', String(each.port), each.protocol, `app (mTLS ${each.mtls})`]),
          ...config.outbound.map(each => [
            'outbound',
            each.address,
            String(each.port),
            each.protocol,
            each.protocol === 'tcp' ? weights(each.tcp) : each.routeTable,
          ]),
          ...(config.wildcards ?? []).map(each => [
            'outbound',
            each.hosts.join(','),
            String(each.port),
            each.protocol,
            each.routeTable || weights(each.tcp),
          ]),
        ],
      );
    case 'routes':
      return table(
        ['TABLE', 'DOMAINS', 'RULE', 'MATCH', 'TO', 'ALSO'],
        config.routeTables.flatMap(({ name, virtualHosts }) =>
          virtualHosts.flatMap(({ domains, rules }) =>
            rules.map(rule => [name, domains.join(','), rule.name, matchText(rule), actionText(rule), extrasText(rule)]),
          ),
        ),
      );
    case 'clusters':
      return table(
        ['CLUSTER', 'SERVICE', 'VERSION', 'PORT', 'BALANCER', 'ENDPOINTS', 'POLICY'],
        config.clusters.map(each => [
          each.name,
          each.service,
          each.subset || '-',
          String(each.port),
          each.balancer,
          String(each.endpoints.length),
          policyText(each),
        ]),
      );
    case 'endpoints':
      return table(
        ['CLUSTER', 'WORKLOAD', 'ADDRESS', 'TLS', 'HEALTH'],
        config.clusters.flatMap(({ name, endpoints }) =>
          endpoints.map(({ workload, address, port, tls }) => [
            name,
            workload,
            `${address}:${port}`,
            tls,
            healthOf(state, name, `${address}:${port}`),
          ]),
        ),
      );
    case 'access':
      return table(
        ['PORT', 'DEFAULT', 'RULE', 'ACTION', 'CONDITIONS'],
        accessOf(config).flatMap(({ port, access }) =>
          access === null
            ? [[String(port), 'allow', '-', '-', 'no rules']]
            : access.rules.map(rule => [
                String(port),
                access.default,
                rule.name,
                rule.dryRun ? `${rule.action} (dry run)` : rule.action,
                rule.conditions.map(conditionText).join(' and ') || 'all',
              ]),
        ),
      );
    case 'dns':
      return table(
        ['NAME', 'ADDRESS'],
        config.dns.map(each => [each.name, each.address]),
      );
  }
}

/** The ports that judge callers. */
function accessOf({ inbound, gateway }: RunningConfig): readonly { readonly port: number; readonly access: Access | null }[] {
  return [...inbound, ...gateway].map(({ port, access }) => ({ port, access: access ?? null }));
}

type Access = NonNullable<RunningConfig['inbound'][number]['access']>;

function conditionText({ on, name, values, not }: Access['rules'][number]['conditions'][number]): string {
  return `${on}${name === undefined ? '' : ` ${name.join('.')}`} ${not ? 'not ' : ''}${values.join('|')}`;
}

type RunningGateway = RunningConfig['gateway'][number];

function gatewayProtocol({ protocol, tls }: RunningGateway): string {
  if (tls === undefined) return protocol;
  return protocol === 'http' ? 'https' : `${protocol} in TLS`;
}

function gatewayTarget({ httpsRedirectPort, sni, routeTable, tcp }: RunningGateway): string {
  if (httpsRedirectPort !== undefined) return `https, port ${httpsRedirectPort}`;
  if (sni !== undefined) return sni.map(({ hosts, split }) => `${hosts.join(',')} ${weights(split)}`).join('; ');
  return routeTable || weights(tcp);
}
