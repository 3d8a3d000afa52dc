import type { ContainerConfig } from '../../config/mesh-config.ts';
import type { SourceService } from '../../config/service-source.ts';
import type { Position } from '../../config/yaml-node.ts';
import { readBuild } from './build.ts';
import { readCommand } from './command.ts';
import type { Context } from './context.ts';
import { at, type Cursor, entriesOf, itemsOf } from './cursor.ts';
import { readDependsOn } from './depends-on.ts';
import { didYouMean } from './did-you-mean.ts';
import { envFilePaths, readEnvironment } from './environment.ts';
import { readGrants } from './grants.ts';
import { readHealthcheck } from './healthcheck.ts';
import { readMounts } from './mounts.ts';
import { readNetwork } from './network.ts';
import { readPorts } from './ports.ts';
import type { Report } from './report.ts';
import { readReplicas, readResources, readRestart, readUlimits } from './resources.ts';
import { readBoolean, readPairs, readText, readTexts } from './scalar.ts';
import { checkServiceKeys } from './service-keys.ts';
import { readBytes, readDuration } from './units.ts';

/** Compose's own default for `stop_grace_period`. */
const STOP_GRACE_MS = 10_000;

/** A service node of a compose file, or of mesh.yaml, whose forms have been merged; `position` is that of its key. */
export function readService(name: string, service: Cursor, position: Position, context: Context): SourceService {
  const { report } = context;
  checkServiceKeys(service, report);
  const ports = readPorts(at(service, 'ports'), at(service, 'expose'), report);
  const networkAliases = readNetwork(service, report);
  const volumes = readMounts(at(service, 'volumes'), context);
  const grants = readGrants(service, context);
  const envFiles = envFilePaths(at(service, 'env_file'), context);
  const mounts = { mounts: [...volumes.mounts, ...grants.mounts], tmpfs: volumes.tmpfs };
  return {
    name,
    container: readContainer(name, service, ports.publish, mounts, context),
    ports: ports.listen,
    aliases: readAliases(name, service, networkAliases, report),
    dependsOn: readDependsOn(at(service, 'depends_on'), at(service, 'links'), report),
    replicas: readReplicas(service, report),
    at: position,
    path: service.path,
    positions: positionsOf(service),
    mountPlaces: new Map([...volumes.places, ...grants.places]),
    ...(envFiles.length === 0 ? {} : { envFiles }),
  };
}

function readContainer(
  name: string,
  service: Cursor,
  publish: ContainerConfig['publish'],
  { mounts, tmpfs }: Pick<ContainerConfig, 'mounts' | 'tmpfs'>,
  context: Context,
): ContainerConfig {
  const { report } = context;
  const text = (key: string) => readText(at(service, key), report);
  const texts = (key: string) => readTexts(at(service, key), report);
  const flag = (key: string) => readBoolean(at(service, key), report) ?? false;
  const build = readBuild(at(service, 'build'), context);
  return {
    image: readImage(name, service, context),
    pullPolicy: readPullPolicy(at(service, 'pull_policy'), report),
    build,
    command: readCommand(at(service, 'command'), report),
    entrypoint: readCommand(at(service, 'entrypoint'), report),
    environment: readEnvironment(at(service, 'environment'), at(service, 'env_file'), context),
    workingDir: text('working_dir'),
    user: readUser(at(service, 'user'), report),
    hostname: text('hostname'),
    domainname: text('domainname'),
    mounts,
    tmpfs: [...texts('tmpfs'), ...tmpfs],
    publish,
    extraHosts: readExtraHosts(at(service, 'extra_hosts'), report),
    dns: texts('dns'),
    dnsSearch: texts('dns_search'),
    labels: readPairs(at(service, 'labels'), report),
    healthcheck: readHealthcheck(at(service, 'healthcheck'), report),
    dependsOn: [],
    restart: readRestart(service, report),
    stopGraceMs: readDuration(at(service, 'stop_grace_period'), report) ?? STOP_GRACE_MS,
    stopSignal: text('stop_signal'),
    init: flag('init'),
    tty: flag('tty'),
    stdinOpen: flag('stdin_open'),
    readOnly: flag('read_only'),
    privileged: flag('privileged'),
    capAdd: texts('cap_add'),
    capDrop: texts('cap_drop'),
    securityOpt: texts('security_opt'),
    sysctls: readPairs(at(service, 'sysctls'), report),
    ulimits: readUlimits(at(service, 'ulimits'), report),
    ...readResources(service, report),
    shmBytes: readBytes(at(service, 'shm_size'), report),
    platform: text('platform'),
    logging: readLogging(at(service, 'logging'), report),
    devices: readDevices(at(service, 'devices'), report),
    groupAdd: texts('group_add'),
  };
}

/** The image, or the name that the result of the build gets. */
function readImage(name: string, service: Cursor, context: Context): string {
  const image = readText(at(service, 'image'), context.report);
  if (image !== null && image !== '') return image;
  if (at(service, 'build') === null && at(service, 'provider') === null) {
    const hint = 'write image: name:tag, or build: ./folder';
    context.report.error(service, 'compose-missing-image', `${service.path} has neither image nor build`, hint);
  }
  return `${context.project}-${name}`;
}

function readPullPolicy(cursor: Cursor | null, report: Report): ContainerConfig['pullPolicy'] {
  const written = readText(cursor, report);
  if (cursor === null || written === null) return 'missing';
  if (written === 'always' || written === 'never' || written === 'missing') return written;
  if (written === 'if_not_present') return 'missing';
  if (/^(build|daily|weekly|every_\d+[a-z]+)$/.test(written)) {
    const hint = written === 'build' ? 'mesh up --build builds again' : 'use always to look for a newer image at each start';
    report.warn(cursor, 'compose-key-ignored', `pull_policy: ${written} is taken as missing`, hint);
    return 'missing';
  }
  report.expected(cursor, 'always, missing or never', didYouMean(written, ['always', 'missing', 'never', 'build']));
  return 'missing';
}

const sidecarUid = 1337;

/** The sidecar's own user, what runs as it is not intercepted and would leave the mesh. The engine reads `01337` and `+1337` as numbers too. */
function readUser(cursor: Cursor | null, report: Report): string | null {
  const user = readText(cursor, report);
  if (cursor !== null && user !== null && Number.parseInt(user, 10) === sidecarUid) {
    report.error(
      cursor,
      'compose-reserved-user',
      `${cursor.path}: 1337 is the user of the sidecar, whose connections are not intercepted`,
      'choose another user id, such as 1000',
    );
  }
  return user;
}

/** `host:address`, `host=address` or a map, in the engine's form `host:address`. */
function readExtraHosts(cursor: Cursor | null, report: Report): readonly string[] {
  if (cursor?.node.kind === 'map') {
    return entriesOf(cursor).flatMap(({ name, value }) => readTexts(value, report).map(address => `${name}:${address}`));
  }
  return (cursor === null ? [] : itemsOf(cursor)).flatMap(item => {
    const found = /^([^=:]+)[=:]\s*(.+)$/.exec(readText(item, report) ?? '');
    if (found === null) report.expected(item, 'a host and its address', 'for example "db.example.org:10.0.0.5"');
    return found === null ? [] : `${found[1]?.trim()}:${found[2]?.replace(/^\[|\]$/g, '')}`;
  });
}

function readLogging(cursor: Cursor | null, report: Report): ContainerConfig['logging'] {
  if (cursor === null || cursor.node.kind !== 'map') return null;
  const driver = readText(at(cursor, 'driver'), report) ?? '';
  return { driver, options: readPairs(at(cursor, 'options'), report) };
}

function readDevices(cursor: Cursor | null, report: Report): readonly string[] {
  return (cursor === null ? [] : itemsOf(cursor)).flatMap(item => {
    if (item.node.kind !== 'map') return readText(item, report) ?? [];
    const source = readText(at(item, 'source'), report);
    if (source === null)
      report.error(item, 'compose-missing-field', `${item.path} has no source`, 'write the device: source: /dev/null');
    const target = readText(at(item, 'target'), report) ?? source;
    return source === null ? [] : `${source}:${target}:${readText(at(item, 'permissions'), report) ?? 'rwm'}`;
  });
}

/** Other names the service answers to. `localhost` never is one: it would send an app's own calls elsewhere. */
function readAliases(name: string, service: Cursor, networkAliases: readonly string[], report: Report): readonly string[] {
  const container = at(service, 'container_name');
  const containerName = readText(container, report);
  if (container !== null && containerName !== null && containerName !== name) {
    report.warnOnce(
      'container_name',
      container,
      'compose-container-name',
      'container_name is kept as a name to call, not as the name of the container',
      'containers are named <project>-<service>-<replica>, so that replicas and copies of the project can run side by side',
    );
  }
  const hostname = readText(at(service, 'hostname'), report);
  const names = [...networkAliases, containerName, hostname].filter(alias => alias !== null);
  return [...new Set(names)].filter(alias => alias !== name && alias !== 'localhost' && alias !== '');
}

/** Where each key and each item stands, by its path below the service: `privileged`, `volumes[0]`, `depends_on.db`. */
function positionsOf(service: Cursor): ReadonlyMap<string, Position> {
  const positions = new Map<string, Position>();
  for (const { name, key, value } of entriesOf(service)) {
    positions.set(name, key.node.at);
    if (value.node.kind === 'list')
      for (const [index, item] of value.node.items.entries()) positions.set(`${name}[${index}]`, item.at);
    else for (const child of entriesOf(value)) positions.set(`${name}.${child.name}`, child.key.node.at);
  }
  return positions;
}
