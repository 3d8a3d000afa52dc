import { type Cursor, entriesOf } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Report } from './report.ts';

/** Keys of a compose service that `readService` and what it calls honour. */
export const honouredKeys: ReadonlySet<string> = new Set([
  ...[
    'build',
    'cap_add',
    'cap_drop',
    'command',
    'configs',
    'container_name',
    'cpus',
    'depends_on',
    'deploy',
    'devices',
    'dns',
    'dns_search',
  ],
  ...[
    'domainname',
    'entrypoint',
    'env_file',
    'environment',
    'expose',
    'extends',
    'extra_hosts',
    'group_add',
    'healthcheck',
    'hostname',
  ],
  ...[
    'image',
    'init',
    'labels',
    'links',
    'logging',
    'mac_address',
    'mem_limit',
    'network_mode',
    'networks',
    'pids_limit',
    'platform',
  ],
  ...[
    'ports',
    'privileged',
    'profiles',
    'pull_policy',
    'read_only',
    'restart',
    'scale',
    'secrets',
    'security_opt',
    'shm_size',
    'stdin_open',
  ],
  ...['stop_grace_period', 'stop_signal', 'sysctls', 'tmpfs', 'tty', 'ulimits', 'user', 'volumes', 'working_dir'],
]);

/** Keys that compose knows and the mesh leaves out, with what to do instead (empty: nothing is lost on a laptop). */
const ignoredKeys: ReadonlyMap<string, string> = new Map([
  ['annotations', ''],
  ['attach', 'choose what to see with mesh logs'],
  ['blkio_config', ''],
  ['cgroup', ''],
  ['cgroup_parent', ''],
  ['cpu_count', 'use cpus'],
  ['cpu_percent', 'use cpus'],
  ['cpu_period', 'use cpus'],
  ['cpu_quota', 'use cpus'],
  ['cpu_rt_period', ''],
  ['cpu_rt_runtime', ''],
  ['cpu_shares', 'use cpus'],
  ['cpuset', 'use cpus'],
  ['credential_spec', ''],
  ['develop', 'mount the source as a volume to see changes at once'],
  ['device_cgroup_rules', ''],
  ['dns_opt', ''],
  ['driver_opts', ''],
  ['external_links', 'put the other container on a port of the host, or make it a service'],
  ['gpus', ''],
  ['ipc', 'share files through a volume instead'],
  ['isolation', ''],
  ['label_file', 'write the labels under labels'],
  ['mem_reservation', 'use mem_limit'],
  ['mem_swappiness', ''],
  ['memswap_limit', ''],
  ['models', ''],
  ['oom_kill_disable', ''],
  ['oom_score_adj', ''],
  ['pid', 'the containers of a pod have process tables of their own'],
  ['post_start', 'start the work from the entrypoint'],
  ['pre_stop', 'handle the stop signal in the app'],
  ['runtime', ''],
  ['storage_opt', ''],
  ['use_api_socket', 'mount the socket as a volume'],
  ['userns_mode', ''],
  ['uts', ''],
  ['volume_driver', 'write the driver under the top-level volumes'],
]);

/** Without what these do the service would not be what its file says. */
const unsupportedKeys: ReadonlyMap<string, string> = new Map([
  ['provider', 'run the provider beside the mesh and call it by its address'],
  ['volumes_from', 'list the volumes themselves under volumes'],
]);

/** Every key of compose that is honoured, left out or refused; the same as `composeServiceKeys`, which mesh.yaml takes. */
export const knownKeys: readonly string[] = [...honouredKeys, ...ignoredKeys.keys(), ...unsupportedKeys.keys()];

/** Says what of a service's keys is not honoured: ignored ones once per key, unknown ones each time with the nearest known name. */
export function checkServiceKeys(service: Cursor, report: Report): void {
  for (const { name, key } of entriesOf(service)) {
    if (honouredKeys.has(name) || name.startsWith('x-')) continue;
    const ignored = ignoredKeys.get(name);
    const unsupported = unsupportedKeys.get(name);
    if (ignored !== undefined) report.warnOnce(name, key, 'compose-key-ignored', `${name} is ignored by the mesh`, ignored);
    else if (unsupported !== undefined)
      report.error(key, 'compose-unsupported', `${name} is not supported by the mesh`, unsupported);
    else report.error(key, 'unknown-field', `${key.path} is not a key of a compose service`, didYouMean(name, knownKeys));
  }
}
