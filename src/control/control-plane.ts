/** The control plane of one mesh: configuration and observations in, snapshots and SVIDs out. The daemon composes it; it knows no engine. */
import type { Clock } from '../async/clock.ts';
import type { HoldOffLimits } from '../async/hold-off.ts';
import { identityOf } from '../config/identity-of.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import type { Authority } from '../pki/authority.ts';
import type { Certificate, ToDaemon } from '../snapshot/channel.ts';
import { FrameError } from '../snapshot/frame.ts';
import { nothingObserved, type Observation, type Observed } from '../snapshot/observation.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { TapOrder, Tapped } from '../snapshot/tap.ts';
import { compile } from './compile/compile.ts';
import type { IssuerKeys } from './compile/token.ts';
import { ControlError } from './control-error.ts';
import { Facts } from './facts.ts';
import { GatewayCertificates } from './gateway-certificates.ts';
import { Identities, type IdentityEvent } from './identities.ts';
import type { LiveFault } from './live-fault.ts';
import { MtlsChangeover } from './mtls-changeover.ts';
import { syncState } from './publish-state.ts';
import { Publisher, type Settlement } from './publisher.ts';
import { type PodView, type RegisteredWorkload, Registry } from './registry.ts';
import type { LinkTiming } from './sidecar-link.ts';
import { SidecarLinks } from './sidecar-links.ts';
import type { WorkloadStatus } from './workload-status.ts';

/** What happens in the control plane, for logs, status and measurements. */
export type ControlEvent =
  | { readonly kind: 'connect'; readonly workload: string; readonly version: string | null }
  | { readonly kind: 'lost'; readonly workload: string; readonly reason: string; readonly wasConnected: boolean }
  | { readonly kind: 'ack'; readonly workload: string; readonly version: string }
  | { readonly kind: 'nack'; readonly workload: string; readonly version: string; readonly reason: string }
  | IdentityEvent
  | { readonly kind: 'certificate-failed'; readonly gateway: string; readonly reason: string }
  | { readonly kind: 'app'; readonly workload: string; readonly port: number; readonly listening: boolean }
  | { readonly kind: 'published'; readonly workloads: readonly string[] }
  /** All have answered. */
  | ({ readonly kind: 'settled' } & Settlement);

/** Whose sidecar tells: by the channel, not by its own word. */
export type ObservedWorkload = Pick<RegisteredWorkload, 'name' | 'service' | 'version' | 'kind'>;

/** What a control plane needs. */
export interface ControlPlaneOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly daemonVersion: string;
  /** Hashes of the control keys that the sidecar printed (`controlKeysIn` finds them in its log). */
  readonly readControlKeys: (workload: string) => Promise<readonly string[]>;
  /** Life of SVIDs, ms. @default 24 h */
  readonly svidTtlMs?: number;
  /** Hears what sidecars tell of their traffic. @see ControlPlane.observe */
  readonly onObserved?: (from: ObservedWorkload, message: Observed) => void;
  /** Hears of live requests. @see ControlPlane.tap */
  readonly onTapped?: (from: ObservedWorkload, message: Tapped) => void;
  /** The daemon's own metrics, for scrapers of the mesh. Absent: they get none. */
  readonly ownMetrics?: () => Promise<string>;
  readonly holdOff?: HoldOffLimits;
  readonly timing?: Partial<LinkTiming>;
}

/** See the file's head. */
export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #registry: Registry;
  readonly #publisher: Publisher;
  readonly #changeover: MtlsChangeover;
  readonly #identities: Identities;
  readonly #certificates: GatewayCertificates;
  readonly #links: SidecarLinks;
  readonly #listeners = new Set<(event: ControlEvent) => void>();
  readonly #facts = new Facts();
  #config: MeshConfig | null = null;
  #faults: readonly LiveFault[] = [];
  #issuerKeys: IssuerKeys = new Map();
  #observation: Observation = nothingObserved;
  #taps: readonly TapOrder[] = [];
  #podsKnown = false;
  #addresses: ReadonlyMap<string, string> = new Map();
  #closed = false;

  constructor(options: ControlPlaneOptions) {
    const { authority, clock, random, svidTtlMs, daemonVersion, readControlKeys, timing } = options;
    this.#options = options;
    this.#links = new SidecarLinks({
      daemonVersion,
      clock,
      random,
      readControlKeys,
      ...(timing === undefined ? {} : { timing }),
      credentials: refused => this.#identities.issuer.daemon(refused),
      listener: workload => ({
        hello: hello => this.#onHello(hello),
        message: message => this.#onMessage(workload, message),
        lost: (reason, wasConnected) => {
          if (wasConnected) {
            this.#publisher.lost(workload);
            this.#identities.lost(workload);
          }
          this.#emit({ kind: 'lost', workload, reason, wasConnected });
        },
      }),
    });
    this.#identities = new Identities({
      authority,
      clock,
      random,
      ...(svidTtlMs === undefined ? {} : { ttlMs: svidTtlMs }),
      identityOf: workload => this.#identityOf(workload),
      send: (workload, message) => this.#links.send(workload, message),
      running: () => this.#registry.workloads.filter(each => each.address !== null).map(each => each.name),
      emit: event => {
        // Before anybody is told that the old root is gone.
        if (event.kind === 'roots' && event.phase === 'activated') this.#certificates.reissue();
        this.#emit(event);
      },
    });
    this.#certificates = new GatewayCertificates({
      authority,
      clock,
      random,
      onChanged: certificate => this.#sendToGateway(certificate),
      onFailed: (gateway, reason) => this.#emit({ kind: 'certificate-failed', gateway, reason }),
    });
    this.#publisher = new Publisher({
      clock: options.clock,
      ...(options.holdOff === undefined ? {} : { holdOff: options.holdOff }),
      compile: () => this.#compile(),
      send: (workload, snapshot) => this.#send(workload, snapshot),
      onPublished: workloads => this.#emit({ kind: 'published', workloads }),
      onSettled: settlement => this.#emit({ kind: 'settled', ...settlement }),
    });
    this.#changeover = new MtlsChangeover({
      clock,
      publish: () => this.#publisher.request(),
      settled: signal => this.#publisher.settled(signal),
    });
    this.#registry = new Registry(() => {
      this.#publisher.request();
      this.#facts.changed();
    });
  }

  /** PEM of the roots that sidecars trust: public. */
  get bundlePem(): string {
    return this.#options.authority.bundlePem;
  }

  /** Whom questions are put to. */
  get sidecars(): SidecarLinks {
    return this.#links;
  }

  /** Certificates and roots. */
  get identities(): Identities {
    return this.#identities;
  }

  /** Adds a listener; the returned function removes it. */
  on(listener: (event: ControlEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Another configuration is in effect. */
  setConfig(config: MeshConfig): void {
    this.#changeover.begin(this.#config, config);
    this.#config = config;
    this.#identities.setTtl(this.#options.svidTtlMs ?? config.identity.ttlMs);
    this.#certificates.update(config);
    this.#publisher.request();
    this.#facts.changed();
  }

  /** The faults put on the running mesh, instead of those before. */
  setLiveFaults(faults: readonly LiveFault[]): void {
    this.#faults = faults;
    this.#publisher.request();
  }

  /** The public keys of issuers of tokens, by URL, instead of those before. */
  setIssuerKeys(keys: IssuerKeys): void {
    this.#issuerKeys = keys;
    this.#publisher.request();
  }

  /** What sidecars are to tell of their traffic, instead of what they told before; it comes to `ControlPlaneOptions.onObserved`. */
  observe(observation: Observation): void {
    this.#observation = observation;
    this.#links.sendAll({ kind: 'observe', observation });
  }

  /** Whom sidecars tell of live requests, for `tapLifeMs`, instead of those before; it comes to `ControlPlaneOptions.onTapped`. */
  tap(orders: readonly TapOrder[]): void {
    this.#taps = orders;
    this.#links.sendAll({ kind: 'tap', orders });
  }

  /** All pods of the project, as observed. Channels to new ones are opened, to others closed. */
  setPods(pods: readonly PodView[]): void {
    if (this.#closed) return;
    this.#podsKnown = true;
    const before = this.#registry.pods;
    this.#registry.observe({ kind: 'pods', pods });
    this.#links.follow(pods);
    const names = new Set(pods.map(pod => pod.workload));
    for (const { workload } of before) if (!names.has(workload)) this.#forget(workload);
    // What was known of these apps was dropped because they had stopped, or seemed so in a listing older than the sidecar's word.
    for (const { name, listening } of this.#registry.workloads)
      if (listening === null && this.#registry.appRuns(name)) this.#links.send(name, { kind: 'probe' });
    if (before.length === 0) this.#publisher.request();
    this.#identities.rotation.look();
    this.#facts.changed();
  }

  /** One pod was made or changed; the others are as they were. */
  setPod(pod: PodView): void {
    this.setPods([...this.#registry.pods.filter(other => other.workload !== pod.workload), pod]);
  }

  /** Every workload, sorted by name. */
  status(): WorkloadStatus[] {
    return this.#registry.workloads.map(workload => {
      const state = this.#publisher.state(workload.name);
      return {
        workload: workload.name,
        service: workload.service,
        version: workload.version,
        kind: workload.kind,
        address: workload.address,
        state: this.#shownState(workload),
        sync: syncState(state),
        wanted: state.wanted,
        sent: state.sent,
        acked: state.acked,
        nack: state.nack,
        svidExpiresAtMs: this.#identities.endOf(workload.name),
        svidLate: this.#identities.latePartOf(workload.name),
        svidProblem: this.#identities.problemOf(workload.name),
        listening: workload.listening ?? [],
      };
    });
  }

  /** Snapshot that the workload should run; `null` before the first compile that knows it. */
  snapshot(workload: string): Snapshot | null {
    return this.#publisher.wanted(workload);
  }

  /** All that sidecars should run, by workload. */
  snapshots(): readonly Snapshot[] {
    return this.#registry.workloads.flatMap(({ name }) => this.#publisher.wanted(name) ?? []);
  }

  /**
   * Resolves when the sidecar is connected, has an SVID and runs a snapshot.
   * @throws ControlError `rejected` when it refuses its first snapshot, `closed`; the signal's reason when that aborts
   */
  whenReady(workload: string, signal: AbortSignal): Promise<void> {
    return this.#facts.when(() => {
      const { connected, acked, nack } = this.#publisher.state(workload);
      if (connected && acked === null && nack !== null)
        throw new ControlError('rejected', `${workload} refused its first snapshot: ${nack.reason}`);
      return connected && acked !== null && this.#identities.endOf(workload) !== null;
    }, signal);
  }

  /** Resolves when the app accepts connections on the port, or on any; at once for a service without ports. @throws as `whenReady` */
  whenAppListening(workload: string, port: number | 'any', signal: AbortSignal): Promise<void> {
    return this.#facts.when(() => {
      const registered = this.#registry.workloads.find(item => item.name === workload);
      if (registered === undefined) return false;
      if (this.#hasNoPorts(registered)) return true;
      const listening = registered.listening ?? [];
      return port === 'any' ? listening.length > 0 : listening.includes(port);
    }, signal);
  }

  /** Resolves once every connected workload has answered for the snapshot that it should run, with nothing left to push. */
  settled(signal?: AbortSignal): Promise<Settlement> {
    return this.#changeover.over.then(() => this.#publisher.settled(signal));
  }

  /** Ends all channels; the sidecars go on with what they have. */
  close(): void {
    this.#closed = true;
    this.#changeover.close();
    this.#publisher.close();
    this.#certificates.close();
    this.#identities.close();
    this.#links.close();
    this.#facts.close(new ControlError('closed', 'the control plane was closed'));
  }

  #compile(): ReadonlyMap<string, Snapshot> | null {
    // With only one of the two, every service would lose its endpoints for a moment: nothing is pushed until both are known.
    if (this.#config === null || !this.#podsKnown) return null;
    const compiled = compile({
      config: this.#config,
      workloads: this.#registry.workloads,
      addresses: this.#addresses,
      faults: this.#faults,
      changeover: this.#changeover.current,
      issuerKeys: this.#issuerKeys,
    });
    this.#addresses = compiled.addresses;
    return compiled.snapshots;
  }

  #send(workload: string, snapshot: Snapshot): boolean {
    try {
      return this.#links.send(workload, { kind: 'snapshot', snapshot });
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#emit({ kind: 'nack', workload, version: snapshot.version, reason: error.message });
      return false;
    }
  }

  #sendToGateway(certificate: Certificate): void {
    for (const { name, kind, service } of this.#registry.workloads)
      if (kind === 'gateway' && service === certificate.name) this.#links.send(name, certificate);
  }

  #onHello(hello: Extract<ToDaemon, { kind: 'hello' }>): void {
    const { workload, version, svidExpiresAtMs, apps } = hello;
    this.#identities.connected(workload, svidExpiresAtMs);
    this.#registry.observe({ kind: 'apps', workload, apps });
    // Before any snapshot: a sidecar that was started anew has none.
    const service = this.#registry.workloads.find(item => item.name === workload && item.kind === 'gateway')?.service;
    const certificate = service === undefined ? null : this.#certificates.of(service);
    if (certificate !== null) this.#links.send(workload, certificate);
    if (this.#observation !== nothingObserved) this.#links.send(workload, { kind: 'observe', observation: this.#observation });
    if (this.#taps.length > 0) this.#links.send(workload, { kind: 'tap', orders: this.#taps });
    this.#publisher.connected(workload, version);
    this.#emit({ kind: 'connect', workload, version });
  }

  #onMessage(workload: string, message: Exclude<ToDaemon, { kind: 'hello' | 'pong' | 'reply' }>): void {
    switch (message.kind) {
      case 'ack':
        this.#publisher.acked(workload, message.version);
        this.#emit({ kind: 'ack', workload, version: message.version });
        return;
      case 'nack':
        this.#publisher.nacked(workload, message.version, message.reason);
        this.#emit({ kind: 'nack', workload, version: message.version, reason: message.reason });
        return;
      case 'app':
        this.#registry.observe({ kind: 'app', workload, app: { port: message.port, listening: message.listening } });
        this.#emit({ kind: 'app', workload, port: message.port, listening: message.listening });
        return;
      case 'csr':
        void this.#identities.sign(workload, message.pem);
        return;
      case 'identity':
        this.#identities.reported(workload, message);
        return;
      case 'scrape':
        this.#tellOwnMetrics(workload);
        return;
      default: {
        const registered = this.#registry.workloads.find(item => item.name === workload);
        if (registered === undefined) return;
        if (message.kind === 'tapped') this.#options.onTapped?.(registered, message);
        else this.#options.onObserved?.(registered, message);
      }
    }
  }

  /** An app could have its sidecar ask; which service it is, the channel says. */
  #tellOwnMetrics(workload: string): void {
    const service = this.#registry.workloads.find(item => item.name === workload)?.service ?? '';
    if (this.#config?.metrics?.scrapers.includes(service) !== true) return;
    void this.#options.ownMetrics?.().then(text => this.#links.send(workload, { kind: 'daemon-metrics', text }));
  }

  #identityOf(workload: string): string | null {
    const registered = this.#registry.workloads.find(item => item.name === workload);
    // Without a configuration nobody knows whose pod it is.
    return registered === undefined || this.#config === null ? null : identityOf(this.#config, registered.service);
  }

  #shownState(workload: RegisteredWorkload): RegisteredWorkload['state'] {
    const runs = workload.state === 'starting' && this.#hasNoPorts(workload) && this.#registry.appRuns(workload.name);
    return runs ? 'ready' : workload.state;
  }

  /** No port that somebody wrote down: nobody waits for it to listen. */
  #hasNoPorts(workload: RegisteredWorkload): boolean {
    const service = this.#config?.services.find(one => one.name === workload.service);
    return service?.ports.every(port => port.exposed === true) === true;
  }

  #forget(workload: string): void {
    this.#identities.forget(workload);
    this.#publisher.forget(workload);
  }

  #emit(event: ControlEvent): void {
    for (const listener of this.#listeners) listener(event);
    this.#facts.changed();
  }
}
