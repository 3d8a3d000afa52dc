/** The sidecar's process: environment → interception → no privileges → start. Exit codes: 0 drained, 1 could not start. */
import { readFileSync } from 'node:fs';
import { systemClock } from '../async/clock.ts';
import { createRandom } from '../async/random.ts';
import { sidecarEnv } from '../snapshot/channel.ts';
import { LineWriter } from '../telemetry/line-writer.ts';
import { createLog } from '../telemetry/log.ts';
import { kernelListeningPorts } from './app-probe.ts';
import { intercept } from './interception/intercept.ts';
import { originalDestination } from './interception/original-destination.ts';
import { hostAddress } from './listener/host-address.ts';
import { dropPrivileges } from './privileges.ts';
import { parseResolvConf } from './resolv-conf.ts';
import { podHosts, type SidecarOptions, startSidecar } from './sidecar.ts';

/** Istio's termination drain; well inside Docker's ten seconds before it kills. */
const terminationGraceMs = 4000;
const dnsPort = 53;

const log = createLog('sidecar');
const stdout = new LineWriter(process.stdout, systemClock);

function fromEnvironment(): Pick<
  SidecarOptions,
  'workload' | 'service' | 'kind' | 'trustDomain' | 'spiffeId' | 'trustBundlePem'
> {
  const read = (key: keyof typeof sidecarEnv): string => {
    const value = process.env[sidecarEnv[key]];
    if (value === undefined || value === '') throw new Error(`${sidecarEnv[key]} is not set`);
    return value;
  };
  const kind = read('kind');
  if (kind !== 'sidecar' && kind !== 'gateway') throw new Error(`${sidecarEnv.kind} is ${kind}, expected sidecar or gateway`);
  return {
    workload: read('workload'),
    service: read('service'),
    kind,
    trustDomain: read('trustDomain'),
    spiffeId: read('identity'),
    trustBundlePem: Buffer.from(read('trustBundle'), 'base64').toString('latin1'),
  };
}

/** A pod without the file has no nameserver: mesh names cannot be asked for, addresses work. */
function readResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch (error) {
    log.warn('resolv.conf cannot be read', { error });
    return '';
  }
}

function end(): void {
  stdout.flush();
  process.exit(0);
}

async function main(): Promise<void> {
  const settings = fromEnvironment();
  const { nameservers, search } = parseResolvConf(readResolvConf());
  // A gateway has no app: nothing to intercept.
  if (settings.kind === 'sidecar') intercept(nameservers);
  dropPrivileges();
  const sidecar = await startSidecar({
    ...settings,
    hosts: podHosts,
    nameservers: nameservers.map(address => ({ address, port: dnsPort })),
    search,
    originalDestination,
    hostAddress: hostAddress(readFileSync('/proc/self/net/route', 'latin1')),
    listeningPorts: kernelListeningPorts,
    clock: systemClock,
    random: createRandom(),
    log,
    print: line => stdout.write(line),
    onDrained: end,
  });
  const stop = (): void => {
    void sidecar.drain(terminationGraceMs).then(end);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  log.info('started', { workload: settings.workload, kind: settings.kind, node: process.version });
}

// A sidecar never dies of traffic. What gets here is a bug in one connection's path: it is told, and the others go on.
process.on('uncaughtException', error => log.error('bug: uncaught exception', { error, at: error.stack ?? '' }));
process.on('unhandledRejection', error =>
  log.error('bug: unhandled rejection', { error, at: error instanceof Error ? (error.stack ?? '') : '' }),
);

main().catch((error: unknown) => {
  log.error('cannot start', { error });
  process.exit(1);
});
