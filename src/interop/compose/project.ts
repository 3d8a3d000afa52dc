import type { SecretConfig, VolumeConfig } from '../../config/mesh-config.ts';
import { escapeLine } from '../../text/escape.ts';
import { absolutePath, type ContentSource, type Context } from './context.ts';
import { at, type Cursor, entriesOf, isNull } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import { CONFIG_PREFIX } from './grants.ts';
import { networkNames } from './network.ts';
import type { Report } from './report.ts';
import { readBoolean, readPairs, readText } from './scalar.ts';

const VOLUME_FIELDS = ['name', 'external', 'driver', 'driver_opts', 'labels'];
const CONTENT_FIELDS = [
  'file',
  'environment',
  'content',
  'external',
  'name',
  'labels',
  'driver',
  'driver_opts',
  'template_driver',
];
const NETWORK_FIELDS = [
  ...['attachable', 'driver', 'driver_opts', 'enable_ipv4', 'enable_ipv6', 'external', 'internal', 'ipam', 'labels', 'name'],
];

/** Reads the top-level `volumes`. */
export function readVolumes(volumes: Cursor | null, project: string, report: Report): readonly VolumeConfig[] {
  return (volumes === null ? [] : entriesOf(volumes)).map(({ name, key, value }) => {
    checkFields(value, VOLUME_FIELDS, 'a volume', report);
    const labels = at(value, 'labels');
    if (labels !== null)
      report.warnOnce('volumes.labels', labels, 'compose-key-ignored', 'labels of volumes are ignored by the mesh');
    const { external, externalName } = readExternal(value, report);
    const given = readText(at(value, 'name'), report) ?? externalName;
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) report.expected(key, 'a name of letters, digits, dots, dashes and underscores');
    return {
      name,
      engineName: given ?? (external ? name : `${project}_${name}`),
      external,
      driver: readText(at(value, 'driver'), report),
      driverOpts: readPairs(at(value, 'driver_opts'), report),
    };
  });
}

/** Reads the top-level `secrets` or `configs`: where each one's content comes from. */
export function readContents(
  cursor: Cursor | null,
  what: 'secret' | 'config',
  context: Pick<Context, 'report' | 'variable' | 'baseDirOf'>,
): ReadonlyMap<string, ContentSource> {
  const { report } = context;
  const contents = new Map<string, ContentSource>();
  for (const { name, key, value } of cursor === null ? [] : entriesOf(cursor)) {
    checkFields(value, CONTENT_FIELDS, `a ${what}`, report);
    const file = at(value, 'file');
    const path = readText(file, report);
    const variable = readText(at(value, 'environment'), report);
    if (file !== null && path !== null) contents.set(name, { kind: 'file', path: absolutePath(path, file, context) });
    else if (variable !== null) contents.set(name, { kind: 'environment', variable });
    else {
      const found = readExternal(value, report).external
        ? 'is external, which only Swarm has'
        : 'has neither file nor environment';
      report.error(
        key,
        'compose-unsupported',
        `the ${what} \`${escapeLine(name)}\` ${found}`,
        `write ${name}: {file: ./${name}.txt} or {environment: NAME}`,
      );
      // Known all the same, so that the services that use it are not blamed too.
      contents.set(name, { kind: 'environment', variable: name });
    }
  }
  return contents;
}

/** Secrets, and configs that come from variables, as the runtime takes them. */
export function secretConfigs(
  secrets: ReadonlyMap<string, ContentSource>,
  configs: ReadonlyMap<string, ContentSource>,
): readonly SecretConfig[] {
  const variables = [...configs].filter(([, from]) => from.kind === 'environment');
  return [...secrets, ...variables.map(([name, from]) => [`${CONFIG_PREFIX}${name}`, from] as const)].map(([name, from]) => ({
    name,
    from,
  }));
}

/** Says what of the networks is not kept: in the mesh all pods share one. */
export function checkNetworks(networks: Cursor | null, services: Cursor | null, report: Report): void {
  const declared = new Set(['default']);
  for (const { name, key, value } of networks === null ? [] : entriesOf(networks)) {
    declared.add(name);
    checkFields(value, NETWORK_FIELDS, 'a network', report);
    const internal = at(value, 'internal');
    if (internal !== null && readBoolean(internal, report) === true) {
      const hint = 'what may be called is decided by access rules; egress: registry-only keeps the mesh from calling outside';
      report.warn(internal, 'compose-network-merged', `network ${name} is internal, but all pods share the mesh's network`, hint);
    }
    if (readExternal(value, report).external) {
      const hint = 'containers outside the project are reached by address or through a port of the host';
      report.warn(key, 'compose-network-merged', `network ${name} is external: the mesh's pods do not join it`, hint);
    }
    for (const option of entriesOf(value)) {
      if (['internal', 'external', 'name', 'labels'].includes(option.name) || isDefaultDriver(option.name, option.value))
        continue;
      report.warnOnce(
        `network.${option.name}`,
        option.key,
        'compose-key-ignored',
        `${option.name} of networks is ignored: all pods share the mesh's network`,
      );
    }
  }
  for (const service of services === null ? [] : entriesOf(services)) {
    for (const network of networkNames(service.value)) {
      const name = readText(network, report);
      if (name === null || declared.has(name)) continue;
      const hint = didYouMean(name, declared) || `declare it at the top level (networks: {${name}: })`;
      report.error(
        network,
        'compose-unknown-network',
        `${network.path} names the network \`${escapeLine(name)}\`, which is not declared`,
        hint,
      );
    }
  }
}

/** `external: true`, or the older `external: {name: …}`. */
function readExternal(value: Cursor, report: Report): { readonly external: boolean; readonly externalName: string | null } {
  const external = at(value, 'external');
  if (external === null || isNull(external)) return { external: false, externalName: null };
  if (external.node.kind === 'map') return { external: true, externalName: readText(at(external, 'name'), report) };
  return { external: readBoolean(external, report) ?? false, externalName: null };
}

function isDefaultDriver(name: string, value: Cursor): boolean {
  return name === 'driver' && value.node.kind === 'scalar' && (value.node.source === 'bridge' || value.node.source === 'default');
}

function checkFields(value: Cursor, fields: readonly string[], what: string, report: Report): void {
  if (value.node.kind !== 'map' && !isNull(value)) report.expected(value, 'a map');
  for (const { name, key } of entriesOf(value)) {
    if (!fields.includes(name) && !name.startsWith('x-'))
      report.error(key, 'unknown-field', `${key.path} is not a field of ${what}`, didYouMean(name, fields));
  }
}
