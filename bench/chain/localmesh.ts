import { join } from 'node:path';
import { build } from 'esbuild';
import { systemClock } from '../../src/async/clock.ts';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import { meshNames } from '../../src/control/compile/service-view.ts';
import { virtualAddresses } from '../../src/control/compile/virtual-address.ts';
import { controlKeysIn } from '../../src/control/control-key.ts';
import { ControlPlane, type ControlPlaneOptions } from '../../src/control/control-plane.ts';
import { Authority } from '../../src/pki/authority.ts';
import type { Observation } from '../../src/snapshot/observation.ts';
import { mesh } from '../../test/control/mesh-builder.ts';
import type { Chain, ChainPorts, Spoken } from './chain.ts';
import { everyRule, fewRules } from './mesh-rules.ts';
import type { SidecarProcessOptions } from './sidecar-process.ts';
import { listening, type Spawned, spawnOn } from './spawned.ts';

/** Address of the backend as the server's app: another loopback address, so that it can have the same port as the inbound listener. */
export const appAddress = '127.0.0.2';
const versions = ['v1', 'v2', 'v3'];

/** How the mesh is set up. */
export interface LocalmeshOptions {
  /** How the sidecars reach each other. @default 'tunnel' */
  readonly hop?: SidecarProcessOptions['hop'];
  /** What client and backend speak. @default 'HTTP/1.1' */
  readonly spoken?: Spoken;
  /** Everything that a rule can ask for at once. @default false */
  readonly everything?: boolean;
  readonly recorded?: Recorded;
  /** Folder for CPU profiles of both processes, written as they are stopped. */
  readonly profiles?: string;
  /** Arguments of Node for both processes. @default none */
  readonly nodeArgs?: readonly string[];
}

/** What the sidecars record of requests. */
export interface Recorded {
  /** `false`: not even metrics, by a hook that only the bench has. @default true */
  readonly metrics?: boolean;
  /** All requests are sampled. @default false */
  readonly tracing?: boolean;
  /** @default 'off' */
  readonly accessLog?: 'off' | 'text' | 'json';
  /** File or pipe of the access log. @default '/dev/null' */
  readonly accessLogTo?: string;
  /** What the control plane wants to be told. @default nothing */
  readonly observation?: Observation;
  readonly onObserved?: ControlPlaneOptions['onObserved'];
  readonly onTapped?: ControlPlaneOptions['onTapped'];
}

/** A chain of sidecars, and the CA that a client of the server's sidecar needs. */
export interface LocalmeshChain extends Chain {
  readonly authority: Authority;
  readonly control: ControlPlane;
}

/** Two processes with real sidecars under a real control plane: a header match and a 90/10 split between three versions, metrics on. */
export async function localmeshChain(
  dir: string,
  core: number,
  ports: ChainPorts,
  { hop = 'tunnel', spoken = 'HTTP/1.1', everything = false, recorded = {}, profiles, nodeArgs = [] }: LocalmeshOptions = {},
): Promise<LocalmeshChain> {
  const built = mesh({
    services: {
      client: { ports: [] },
      app: {
        ports: [{ port: ports.back, protocol: spoken === 'TCP' ? 'tcp' : 'http' }],
        ...(spoken === 'HTTP/2' ? { upstreamProtocol: 'http2' as const } : {}),
        versions: Object.fromEntries(versions.map(version => [version, `app-${version}`])),
        routes: everything ? everyRule : spoken === 'TCP' ? fewRules.slice(1) : fewRules,
      },
    },
    ...(everything
      ? { access: { rules: [{ from: ['client'], to: ['app'], conditions: [{ on: 'method', values: ['GET'] }] }] } }
      : {}),
  });
  const accessLog = recorded.accessLog ?? (everything ? 'json' : 'off');
  const config: MeshConfig = {
    ...built,
    proxy: { ...built.proxy, accessLog },
    ...(recorded.tracing === true ? { tracing: { sample: 1, propagation: ['w3c', 'b3'] } } : {}),
  };
  const names = meshNames(config).map(entry => entry.name);
  const virtual = virtualAddresses(names, new Map()).get('app');
  if (virtual === undefined) throw new Error('no virtual address');
  const authority = await Authority.open({
    directory: join(dir, `pki-${ports.front}`),
    trustDomain: config.trustDomain,
    clock: systemClock,
  });
  const logs = new Map<string, string>();

  // One file, as in the sidecar's image: what loads TypeScript would fill the heap, and with it each garbage collection.
  const program = join(dir, 'sidecar-process.cjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'sidecar-process.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    minifySyntax: true,
    logLevel: 'error',
  });
  const start = (sidecars: SidecarProcessOptions['sidecars'], destination: SidecarProcessOptions['destination']): Spawned => {
    const options: SidecarProcessOptions = {
      sidecars,
      trustDomain: config.trustDomain,
      trustBundlePem: authority.bundlePem,
      destination,
      appAddress,
      hop,
      metrics: recorded.metrics ?? true,
      accessLogTo: recorded.accessLogTo ?? '/dev/null',
    };
    const profile = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
    const args = [...nodeArgs, ...profile, program, JSON.stringify(options)];
    return spawnOn(core, process.execPath, args, line => {
      const [workload = '', text = ''] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
      logs.set(workload, `${logs.get(workload) ?? ''}${text}\n`);
    });
  };
  const servers = versions.map((version, at) => ({
    workload: `app-${version}-1`,
    service: 'app',
    outbound: 0,
    inbound: at === 0 ? ports.back : 0,
  }));
  const back = start(servers, { address: '127.0.0.1', port: ports.back });
  const front = start([{ workload: 'client-1', service: 'client', outbound: ports.front, inbound: 0 }], {
    address: virtual,
    port: ports.back,
  });
  await listening(ports.back);
  await listening(ports.front);
  const portsOf = async (workload: string): Promise<number> => {
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
      const found = /^ports (.*)$/m.exec(logs.get(workload) ?? '')?.[1];
      if (found !== undefined) return (JSON.parse(found) as { control: number }).control;
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    throw new Error(`the sidecar of ${workload} does not say where it listens`);
  };

  const control = new ControlPlane({
    authority,
    clock: systemClock,
    random: Math.random,
    daemonVersion: 'bench',
    readControlKeys: async workload => controlKeysIn(logs.get(workload) ?? ''),
    ...(recorded.onObserved === undefined ? {} : { onObserved: recorded.onObserved }),
    ...(recorded.onTapped === undefined ? {} : { onTapped: recorded.onTapped }),
  });
  if (recorded.observation !== undefined) control.observe(recorded.observation);
  control.setConfig(config);
  const podOf = async (workload: string, service: string, version: string) => ({
    workload,
    service,
    version,
    kind: 'sidecar' as const,
    address: '127.0.0.1',
    controlPort: await portsOf(workload),
    app: 'running' as const,
    health: 'none' as const,
  });
  const pods = [await podOf('client-1', 'client', '')];
  for (const version of versions) pods.push(await podOf(`app-${version}-1`, 'app', version));
  control.setPods(pods);
  for (const { workload } of pods) await control.whenReady(workload, AbortSignal.timeout(20_000));
  await control.settled();
  return {
    name: `localmesh, ${hop === 'tunnel' ? 'tunnel' : spoken} over mTLS${everything ? ', everything on' : ''}`,
    url: `http://127.0.0.1:${ports.front}/`,
    pids: [back.pid, front.pid],
    authority,
    control,
    async stop() {
      control.close();
      // A profile is written as a process ends by itself.
      if (profiles !== undefined) await Promise.all([front.end(), back.end()]);
      await front.stop();
      await back.stop();
    },
  };
}
