/**
 * A whole mesh in this process: a real sidecar for every workload over real sockets with mTLS, real apps behind them, and the real way of the
 * configuration: mesh.yaml on disk → load → compile → control channel. Only the kernel and the engine are played.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { systemClock } from '../../../src/async/clock.ts';
import { createRandom } from '../../../src/async/random.ts';
import { compile } from '../../../src/control/compile/compile.ts';
import { emptyRegistry, observe, type PodView, workloadsOf } from '../../../src/control/registry.ts';
import { daemonId, serviceId } from '../../../src/identity/spiffe-id.ts';
import { loadMesh } from '../../../src/interop/load-mesh.ts';
import type { MeshDocument } from '../../../src/interop/mesh-document.ts';
import { type Sidecar, startSidecar } from '../../../src/proxy/sidecar.ts';
import type { Snapshot } from '../../../src/snapshot/snapshot.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { eventually } from '../../support/eventually.ts';
import { createTestCa, newKey, type TestCa } from '../../support/test-ca.ts';
import { TestDaemon } from '../../support/test-daemon.ts';
import { EchoService } from './echo-app.ts';
import { Redirects } from './wire-up.ts';

/** A port of a service. `name` is what compose calls the port: it tells the mesh the protocol; without it the mesh has to find out. */
export interface PortSpec {
  readonly port: number;
  readonly name?: string;
  /** `none`: nobody listens where the sidecar looks. */
  readonly app: 'http' | 'grpc' | 'tcp' | 'tls' | 'none';
}

/** A service of the mesh. */
export interface ServiceSpec {
  readonly ports: readonly PortSpec[];
  readonly replicas?: number;
  /** @default 'default' */
  readonly namespace?: string;
  /** @default its name */
  readonly account?: string;
}

/** What is the same for all services. */
export interface MeshOptions {
  /** Second number of the loopback addresses, four of them from there on. */
  readonly network: number;
  /** @default 'bookshop.local' */
  readonly trustDomain?: string;
}

interface Running {
  readonly pod: PodView;
  readonly sidecar: Sidecar;
  readonly daemon: TestDaemon;
  readonly address: string;
  snapshot: Snapshot | null;
}

/** Where a client has to connect. */
export interface Entrance {
  readonly host: string;
  readonly port: number;
}

const ca: TestCa = createTestCa(Date.now());

/** The mesh. */
export class ConformanceMesh implements AsyncDisposable {
  readonly services: ReadonlyMap<string, EchoService>;
  /** What sidecars said. */
  readonly lines: string[] = [];
  /** Whom all of them trust. */
  readonly ca: TestCa = ca;
  readonly #specs: Readonly<Record<string, ServiceSpec>>;
  readonly #trustDomain: string;
  readonly #redirects: Redirects;
  readonly #running = new Map<string, Running>();
  readonly #entrances = new Map<string, Promise<Entrance>>();
  readonly #folder: string;
  #addresses: ReadonlyMap<string, string> = new Map();
  #pods = 0;

  /** Starts apps and sidecars. */
  static async start(
    { network, trustDomain = 'bookshop.local' }: MeshOptions,
    services: Readonly<Record<string, ServiceSpec>>,
  ): Promise<ConformanceMesh> {
    const folder = await mkdtemp(join(tmpdir(), 'mesh-conformance-'));
    const mesh = new ConformanceMesh(new Redirects(network), services, trustDomain, folder);
    for (const [name, spec] of Object.entries(services))
      for (let index = 1; index <= (spec.replicas ?? 1); index++) await mesh.#startPod(name, `${name}-${index}`, spec.ports);
    return mesh;
  }

  private constructor(redirects: Redirects, specs: Readonly<Record<string, ServiceSpec>>, trustDomain: string, folder: string) {
    this.#redirects = redirects;
    this.#specs = specs;
    this.#trustDomain = trustDomain;
    this.#folder = folder;
    this.services = new Map(Object.keys(specs).map(name => [name, new EchoService(name)]));
  }

  /** Runs these rules, and nothing of those before. @throws with the diagnostics when the configuration is refused */
  async use(document: MeshDocument & { readonly proxy?: object }): Promise<void> {
    const policies = document.services ?? {};
    const services = Object.entries(this.#specs).map(([name, { ports, replicas = 1, namespace, account }]) => [
      name,
      { image: 'echo', replicas, ports: ports.map(composePort), namespace, account, ...policies[name] },
    ]);
    const file = join(this.#folder, 'mesh.yaml');
    const head = { name: 'bookshop', trustDomain: this.#trustDomain };
    await writeFile(file, stringify({ ...head, ...document, services: Object.fromEntries(services) }));
    const { config, diagnostics } = await loadMesh({ file, env: {}, profiles: [], project: null });
    assert.ok(
      config !== null,
      JSON.stringify(diagnostics.filter(one => one.severity === 'error').map(one => `${one.path}: ${one.message}`)),
    );

    for (const gateway of Object.keys(document.gateways ?? {}))
      if (!this.#running.has(gateway))
        await this.#startSidecar(gateway, gateway, 'gateway', this.#redirects.address(2, this.#pods));
    const pods = [...this.#running.values()].map(({ pod }) => pod);
    const workloads = workloadsOf(observe(emptyRegistry, { kind: 'pods', pods }));
    const { snapshots, addresses } = compile({ config, workloads, addresses: this.#addresses });
    this.#addresses = addresses;
    await Promise.all(
      [...snapshots].map(async ([workload, snapshot]) => {
        const running = this.#running.get(workload);
        if (running === undefined || running.snapshot?.version === snapshot.version) return;
        assert.deepEqual(await running.daemon.push(snapshot), { kind: 'ack', version: snapshot.version });
        running.snapshot = snapshot;
      }),
    );
  }

  /** Where a gateway listens. */
  gateway(name: string): Entrance {
    const running = this.#running.get(name);
    const listener = running?.snapshot?.gateway[0];
    assert.ok(running !== undefined && listener !== undefined, `gateway ${name} does not listen`);
    return { host: running.address, port: listener.port };
  }

  /** Where a connection of `from` to a name of the mesh begins. */
  service(from: string, name: string, port: number): Promise<Entrance> {
    const running = this.#running.get(`${from}-1`);
    const record = running?.snapshot?.dns.find(one => one.name === name);
    assert.ok(record !== undefined, `${from} does not know the name ${name}`);
    return this.address(from, record.address, port);
  }

  /** Where a connection of `from` to an address begins. */
  address(from: string, address: string, port: number): Promise<Entrance> {
    const key = `${from} ${address}:${port}`;
    const made = this.#entrances.get(key) ?? this.#enter(from, address, port);
    this.#entrances.set(key, made);
    return made;
  }

  /** Address of a pod. What connects there to a port of the app comes to the sidecar first, as in any pod. */
  podAddress(workload: string): string {
    return this.#running.get(workload)?.address ?? '';
  }

  /** Ports of its sidecar, all of them on loopback. */
  sidecarPorts(workload: string): Sidecar['ports'] {
    const running = this.#running.get(workload);
    assert.ok(running !== undefined, `${workload} does not run`);
    return running.sidecar.ports;
  }

  /** Its sidecar's counters, as the daemon asks for them. */
  async stats(workload: string): Promise<string> {
    return String(await this.#running.get(workload)?.daemon.query('stats'));
  }

  async #enter(from: string, address: string, port: number): Promise<Entrance> {
    const host = '127.0.0.1';
    const target = (): number => this.#running.get(`${from}-1`)?.sidecar.ports.outbound ?? 0;
    return { host, port: await this.#redirects.add({ host, port: 0 }, target, { address, port }) };
  }

  async #startPod(service: string, workload: string, ports: readonly PortSpec[]): Promise<void> {
    const address = this.#redirects.address(0, this.#pods);
    const appAddress = this.#redirects.address(1, this.#pods);
    const app = this.services.get(service);
    for (const { port, app: kind } of ports) {
      if (kind === 'tls') {
        const key = newKey();
        await app?.tls(workload, appAddress, port, String(key.export({ type: 'pkcs8', format: 'pem' })), ca.issue(key, null));
      } else if (kind !== 'none') await app?.[kind](workload, appAddress, port);
    }
    const { sidecar } = await this.#startSidecar(service, workload, 'sidecar', address, appAddress);
    for (const { port } of ports)
      await this.#redirects.add({ host: address, port }, () => sidecar.ports.inbound, { address, port });
  }

  async #startSidecar(
    service: string,
    workload: string,
    kind: 'sidecar' | 'gateway',
    address: string,
    appAddress?: string,
  ): Promise<Running> {
    const loopback = ['127.0.0.1'];
    const trustDomain = this.#trustDomain;
    const { namespace = 'default', account = service } = this.#specs[service] ?? {};
    this.#pods++;
    const sidecar = await startSidecar({
      workload,
      service,
      kind,
      trustDomain,
      spiffeId: serviceId(trustDomain, namespace, account),
      trustBundlePem: ca.bundlePem,
      hosts: {
        outbound: loopback,
        inbound: loopback,
        gateway: [address],
        ready: '127.0.0.1',
        dns: loopback,
        control: '127.0.0.1',
      },
      ports: { outbound: 0, inbound: 0, control: 0, ready: 0, dns: 0 },
      nameservers: [],
      search: [],
      hostAddress: null,
      originalDestination: this.#redirects.originalDestination,
      listeningPorts: async () => new Set(),
      clock: systemClock,
      random: createRandom(11),
      log: createLog('sidecar', line => this.lines.push(line)),
      print: line => this.lines.push(line),
      onDrained: () => {},
      ...(appAddress === undefined ? {} : { appAddress }),
    });
    const daemon = await TestDaemon.dial(sidecar.ports.control, ca, { spiffeId: daemonId(trustDomain) });
    await eventually(() => assert.ok(daemon.signed > 0));
    const pod: PodView = { workload, service, version: '', kind, address, controlPort: null, app: 'running', health: 'none' };
    const running: Running = { pod, sidecar, daemon, address, snapshot: null };
    this.#running.set(workload, running);
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { daemon } of this.#running.values()) daemon[Symbol.dispose]();
    await Promise.all([...this.#running.values()].map(({ sidecar }) => sidecar.drain(0)));
    await Promise.all([...this.services.values()].map(service => service.close()));
    await this.#redirects[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true });
  }
}

/** A port without a name is `expose`d in compose's words, but only `ports` can carry names. */
function composePort({ port, name }: PortSpec): unknown {
  return { target: port, ...(name === undefined ? {} : { name }) };
}
