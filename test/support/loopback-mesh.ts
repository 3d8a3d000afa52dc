/**
 * A mesh without containers: the real control plane, a CA on disk and real sidecars in this process, each with addresses of its own in 127.0.0.0/8 and
 * an app behind it. What a kernel does by interception is told by the address that a connection was made to.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/async/clock.ts';
import { createRandom } from '../../src/async/random.ts';
import { controlKeysIn } from '../../src/control/control-key.ts';
import { type ControlEvent, ControlPlane } from '../../src/control/control-plane.ts';
import type { PodView } from '../../src/control/registry.ts';
import { serviceId } from '../../src/identity/spiffe-id.ts';
import { Authority } from '../../src/pki/authority.ts';
import { type Sidecar, startSidecar } from '../../src/proxy/sidecar.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { mesh } from '../control/mesh-builder.ts';

const trustDomain = 'bookshop.local';

/** What is called, and how: an app that speaks so is behind each of their sidecars, on this port. */
export const called = { web: 8101, grpc: 8102, raw: 8103 } as const;

/** A service that is called. */
export type Called = keyof typeof called;

const services = ['caller', 'web', 'grpc', 'raw'] as const;

/** A sidecar with what it said. */
export interface Pod {
  readonly service: (typeof services)[number];
  readonly sidecar: Sidecar;
  readonly lines: string[];
}

/** How a mesh is started. */
export interface LoopbackMeshOptions {
  /** Where the CA lies. */
  readonly directory: string;
  readonly svidTtlMs: number;
  /** Of the sidecars. */
  readonly clock?: (service: string) => Clock;
}

let meshes = 0;

/** See the file's head. */
export class LoopbackMesh implements AsyncDisposable {
  readonly events: ControlEvent[] = [];
  readonly pods = new Map<string, Pod>();
  control: ControlPlane;
  authority: Authority;
  /** Workloads whose control port leads nowhere. */
  readonly unreachable = new Set<string>();
  readonly #options: LoopbackMeshOptions;
  readonly #network: string;
  readonly #apps: Server[] = [];
  #destinations: ReadonlyMap<string, string> = new Map();

  private constructor(options: LoopbackMeshOptions, authority: Authority) {
    this.#options = options;
    this.authority = authority;
    this.control = this.#plane();
    meshes += 1;
    this.#network = `127.${100 + (process.pid % 150)}.${(Math.floor(process.pid / 150) + meshes * 7) % 250}`;
  }

  /** Starts everything and waits until all sidecars serve. */
  static async start(options: LoopbackMeshOptions): Promise<LoopbackMesh> {
    const started = new LoopbackMesh(options, await openAuthority(options.directory));
    await started.#startApps();
    for (const service of services) await started.startPod(service);
    await started.serves();
    return started;
  }

  /** Where the caller's sidecar takes connections to a service. */
  address(service: Called): { readonly host: string; readonly port: number } {
    return { host: this.#front(service), port: this.#pod('caller').sidecar.ports.outbound };
  }

  /** Where a service's sidecar takes connections from peers. */
  inbound(service: Called): { readonly host: string; readonly port: number } {
    return { host: this.#back(service), port: called[service] };
  }

  /** A sidecar as its container would start it, in the place of the one that was there. */
  async startPod(service: (typeof services)[number]): Promise<Pod> {
    const lines: string[] = [];
    const port = service === 'caller' ? 0 : called[service];
    const sidecar = await startSidecar({
      workload: `${service}-1`,
      service,
      kind: 'sidecar',
      trustDomain,
      spiffeId: serviceId(trustDomain, 'default', service),
      trustBundlePem: this.authority.anchor.pem,
      hosts: {
        outbound: (Object.keys(called) as Called[]).map(each => this.#front(each)),
        inbound: [this.#back(service)],
        gateway: ['127.0.0.1'],
        ready: '127.0.0.1',
        dns: ['127.0.0.1'],
        control: '127.0.0.1',
      },
      ports: { outbound: 0, inbound: port, control: 0, ready: 0, dns: 0 },
      nameservers: [],
      search: [],
      hostAddress: null,
      originalDestination: socket =>
        socket.localPort === port && socket.localAddress === this.#back(service)
          ? { address: this.#back(service), port }
          : this.#meant(socket.localAddress ?? ''),
      listeningPorts: async () => new Set([port]),
      clock: this.#options.clock?.(service) ?? systemClock,
      random: createRandom(),
      log: createLog('sidecar', line => lines.push(line)),
      print: line => lines.push(line),
      onDrained: () => {},
      appAddress: this.#app(service),
    });
    const pod = { service, sidecar, lines };
    this.pods.set(`${service}-1`, pod);
    return pod;
  }

  /** Ends a sidecar without a word to those who call it. */
  async killPod(service: Called): Promise<void> {
    await this.#pod(service).sidecar.drain(0);
    this.pods.delete(`${service}-1`);
  }

  /** Tells the control plane which pods run. */
  observe(): void {
    this.control.setPods(
      [...this.pods.values()].map(({ service, sidecar }): PodView => {
        const controlPort = this.unreachable.has(`${service}-1`) ? null : sidecar.ports.control;
        const workload = `${service}-1`;
        const common = { service, version: '', kind: 'sidecar', app: 'running', health: 'none' } as const;
        return { ...common, workload, address: this.#back(service), controlPort };
      }),
    );
  }

  /** Resolves when all sidecars have an SVID and their rules. */
  async serves(): Promise<void> {
    this.observe();
    for (const workload of this.pods.keys()) await this.control.whenReady(workload, AbortSignal.timeout(20_000));
    await this.control.settled();
    const listeners = this.control.snapshot('caller-1')?.outbound ?? [];
    this.#destinations = new Map(listeners.map(({ service, address }) => [service, address]));
  }

  /** The daemon's process ends; what it knew is gone but for its files. */
  stopDaemon(): void {
    this.control.close();
  }

  /** It comes back, with what is on disk. */
  async startDaemon(): Promise<void> {
    this.authority = await openAuthority(this.#options.directory);
    this.control = this.#plane();
    this.observe();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.control.close();
    for (const { sidecar } of this.pods.values()) await sidecar.drain(0);
    for (const app of this.#apps) app.close();
  }

  #plane(): ControlPlane {
    const control = new ControlPlane({
      authority: this.authority,
      clock: systemClock,
      random: Math.random,
      daemonVersion: 'test',
      svidTtlMs: this.#options.svidTtlMs,
      readControlKeys: async workload => controlKeysIn((this.pods.get(workload)?.lines ?? []).join('\n')),
    });
    control.on(event => this.events.push(event));
    control.setConfig(
      mesh({
        services: {
          caller: { ports: [] },
          web: { ports: [{ port: called.web, protocol: 'http' }] },
          grpc: { ports: [{ port: called.grpc, protocol: 'http' }], upstreamProtocol: 'http2' },
          raw: { ports: [{ port: called.raw, protocol: 'tcp' }] },
        },
      }),
    );
    return control;
  }

  async #startApps(): Promise<void> {
    const web = createHttpServer({ keepAlive: true }, (request, response) => {
      request.resume().on('end', () => response.end('web'));
    });
    const grpc = createHttp2Server();
    grpc.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200 });
      stream.end('grpc');
    });
    const raw = createTcpServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}).pipe(socket));
    for (const [service, app] of Object.entries({ web, grpc, raw }) as [Called, Server][]) {
      app.listen(called[service], this.#app(service));
      await once(app, 'listening');
      this.#apps.push(app);
    }
  }

  #meant(localAddress: string): { readonly address: string; readonly port: number } | null {
    const service = (Object.keys(called) as Called[]).find(each => this.#front(each) === localAddress);
    const address = service === undefined ? undefined : this.#destinations.get(service);
    return service === undefined || address === undefined ? null : { address, port: called[service] };
  }

  #pod(service: string): Pod {
    const pod = this.pods.get(`${service}-1`);
    if (pod === undefined) throw new Error(`no pod of ${service}`);
    return pod;
  }

  #front(service: string): string {
    return `${this.#network}.${100 + services.indexOf(service as Called)}`;
  }

  #back(service: string): string {
    return `${this.#network}.${10 + services.indexOf(service as Called)}`;
  }

  #app(service: string): string {
    return `${this.#network}.${50 + services.indexOf(service as Called)}`;
  }
}

function openAuthority(directory: string): Promise<Authority> {
  return Authority.open({ directory: join(directory, 'pki'), trustDomain, clock: systemClock });
}
