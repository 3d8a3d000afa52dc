import type { ContainerConfig, RestartConfig } from '../../config/mesh-config.ts';
import { at, type Cursor, entriesOf, isNull } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Report } from './report.ts';
import { readInteger, readNumber, readText, sorted } from './scalar.ts';
import { readBytes } from './units.ts';

const DEPLOY = ['replicas', 'resources', 'restart_policy'];
/** Needs an orchestrator of many machines; one machine has nothing to decide. */
const SWARM_ONLY = new Set(['mode', 'endpoint_mode', 'placement', 'update_config', 'rollback_config', 'labels']);

/** Limits, from `deploy.resources.limits` or the older keys beside it. */
export type Resources = Pick<ContainerConfig, 'memoryBytes' | 'cpus' | 'pidsLimit'>;

/** Reads memory, CPU and process limits; where both ways are written, `deploy` wins, as the newer one. */
export function readResources(service: Cursor, report: Report): Resources {
  const deploy = at(service, 'deploy');
  checkDeploy(deploy, report);
  const resources = deploy && at(deploy, 'resources');
  const limits = resources && at(resources, 'limits');
  const reservations = resources && at(resources, 'reservations');
  if (reservations !== null) {
    report.warnOnce(
      'deploy.resources.reservations',
      reservations,
      'compose-key-ignored',
      'deploy.resources.reservations is ignored: one machine reserves nothing',
    );
  }
  for (const { name, key } of limits === null ? [] : entriesOf(limits)) {
    const known = ['cpus', 'memory', 'pids'];
    if (!known.includes(name)) report.error(key, 'unknown-field', `${key.path} is not a limit`, didYouMean(name, known));
  }
  return {
    memoryBytes: readBytes((limits && at(limits, 'memory')) ?? at(service, 'mem_limit'), report),
    cpus: readNumber((limits && at(limits, 'cpus')) ?? at(service, 'cpus'), report),
    pidsLimit: readInteger((limits && at(limits, 'pids')) ?? at(service, 'pids_limit'), report, -1),
  };
}

/** `deploy.replicas` or `scale`; `null` where neither is written. */
export function readReplicas(service: Cursor, report: Report): number | null {
  const deploy = at(service, 'deploy');
  return readInteger((deploy && at(deploy, 'replicas')) ?? at(service, 'scale'), report, 0, 100);
}

/** `restart`, or `deploy.restart_policy` where that is written. */
export function readRestart(service: Cursor, report: Report): RestartConfig {
  const restart = at(service, 'restart');
  const written = readText(restart, report);
  if (restart !== null && written !== null) {
    const found = /^(no|always|unless-stopped|on-failure(?::(\d+))?)$/.exec(written === 'false' ? 'no' : written);
    if (found !== null) return { policy: policyOf(found[1] ?? 'no'), maxRetries: Number(found[2] ?? 0) };
    report.expected(
      restart,
      'no, always, unless-stopped, on-failure or on-failure:3',
      didYouMean(written, ['always', 'unless-stopped', 'on-failure']),
    );
  }
  const deploy = at(service, 'deploy');
  const policy = deploy && at(deploy, 'restart_policy');
  if (policy === null || isNull(policy)) return { policy: 'no', maxRetries: 0 };
  for (const { name, key } of entriesOf(policy)) {
    if (name === 'delay' || name === 'window') {
      report.warnOnce(
        `restart_policy.${name}`,
        key,
        'compose-key-ignored',
        `deploy.restart_policy.${name} is ignored: the engine chooses its pauses itself`,
      );
    }
  }
  const condition = readText(at(policy, 'condition'), report) ?? 'any';
  const maxRetries = readInteger(at(policy, 'max_attempts'), report, 0) ?? 0;
  if (condition === 'none') return { policy: 'no', maxRetries: 0 };
  if (condition === 'on-failure') return { policy: 'on-failure', maxRetries };
  if (condition !== 'any') report.expected(at(policy, 'condition') ?? policy, 'none, on-failure or any');
  return { policy: 'always', maxRetries: 0 };
}

/** Reads `ulimits`: a number for both, or `soft` and `hard`. */
export function readUlimits(cursor: Cursor | null, report: Report): ContainerConfig['ulimits'] {
  const limits: [string, { soft: number; hard: number }][] = [];
  if (cursor !== null && cursor.node.kind !== 'map' && !isNull(cursor)) report.expected(cursor, 'a map such as {nofile: 65536}');
  for (const { name, value } of cursor === null ? [] : entriesOf(cursor)) {
    const long = value.node.kind === 'map';
    const soft = readInteger(long ? at(value, 'soft') : value, report, -1);
    const hard = long ? readInteger(at(value, 'hard'), report, -1) : soft;
    if (soft !== null && hard !== null) limits.push([name, { soft, hard }]);
    else if (long) report.expected(value, 'a number, or soft and hard');
  }
  return sorted(limits);
}

function policyOf(word: string): RestartConfig['policy'] {
  if (word.startsWith('on-failure')) return 'on-failure';
  return word === 'always' || word === 'unless-stopped' ? word : 'no';
}

function checkDeploy(deploy: Cursor | null, report: Report): void {
  for (const { name, key } of deploy === null ? [] : entriesOf(deploy)) {
    if (SWARM_ONLY.has(name))
      report.warnOnce(`deploy.${name}`, key, 'compose-key-ignored', `deploy.${name} is for Swarm and ignored by the mesh`);
    else if (!DEPLOY.includes(name) && !name.startsWith('x-')) {
      report.error(key, 'unknown-field', `${key.path} is not a field of deploy`, didYouMean(name, [...DEPLOY, ...SWARM_ONLY]));
    }
  }
}
