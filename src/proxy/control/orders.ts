import { SvidError } from '../../identity/leaf-certificate.ts';
import { protocolVersion, type QueryKind, type ToDaemon } from '../../snapshot/channel.ts';
import { decodeSnapshot } from '../../snapshot/decode.ts';
import type { ExplainRequest, Explanation } from '../../snapshot/explanation.ts';
import { nothingObserved, type Observed } from '../../snapshot/observation.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import type { Tapped } from '../../snapshot/tap.ts';
import type { Log } from '../../telemetry/log.ts';
import { packExposition } from '../../telemetry/packed-exposition.ts';
import { messageOf } from '../../text/message-of.ts';
import type { AppProbe } from '../app-probe.ts';
import type { DataPlane } from '../data-plane.ts';
import type { ResolvedEndpoints } from '../dns/resolved-endpoints.ts';
import type { GatewayListeners } from '../listener/gateway.ts';
import type { CertificateStore } from '../tls/certificate-store.ts';
import type { WorkloadIdentity } from '../tls/workload-identity.ts';
import type { DaemonScrape } from './daemon-scrape.ts';
import { decodeDaemonMessage } from './message.ts';
import type { Renewal } from './renewal.ts';

/** What the daemon's orders act on. */
export interface OrdersDeps {
  readonly workload: string;
  readonly trustDomain: string;
  readonly log: Log;
  readonly identity: WorkloadIdentity;
  readonly renewal: Renewal;
  readonly probe: AppProbe;
  readonly dataPlane: DataPlane;
  readonly gateways: GatewayListeners;
  readonly certificates: CertificateStore;
  readonly endpoints: ResolvedEndpoints;
  readonly metrics: () => string;
  readonly daemonScrape: DaemonScrape;
  readonly send: (message: ToDaemon) => void;
  /** Sends what may be lost; `false`: the channel is slow or gone. */
  readonly tell: (message: Observed | Tapped) => boolean;
  /** A snapshot runs from now on. Must not throw. */
  readonly onApplied: (snapshot: Snapshot) => void;
  /** Raw TCP connections that are open. */
  readonly connections: () => number;
  readonly onDrain: (graceMs: number) => void;
}

/** Carries out what the daemon sends, snapshots one after the other. */
export class Orders {
  readonly #deps: OrdersDeps;
  #applying: Promise<void> = Promise.resolve();
  /** Newest snapshot that waits; an older one that has not begun is dropped. */
  #next: unknown = null;

  constructor(deps: OrdersDeps) {
    this.#deps = deps;
  }

  /** Tells a newly accepted daemon how things stand. */
  greet(): void {
    // It asks for what it wants.
    this.forsaken();
    const { send, workload, dataPlane, identity, probe, renewal } = this.#deps;
    send({
      kind: 'hello',
      protocol: protocolVersion,
      workload,
      version: dataPlane.snapshot?.version ?? null,
      svidExpiresAtMs: identity.svid?.expiresAtMs ?? null,
      apps: probe.states,
    });
    this.#tellIdentity();
    renewal.connected();
  }

  /** The daemon is gone: nobody looks any more. */
  forsaken(): void {
    this.#deps.dataPlane.observe(nothingObserved, () => false);
    this.#deps.dataPlane.tap([], () => false);
    this.#deps.daemonScrape.take(null);
  }

  #tellIdentity(): void {
    const { send, renewal } = this.#deps;
    send({ kind: 'identity', ...renewal.report });
  }

  /** @throws SnapshotError for what is no message at all: the channel cannot go on */
  take(value: unknown): void {
    const { send, log, onDrain, renewal } = this.#deps;
    const message = decodeDaemonMessage(value);
    switch (message.kind) {
      case 'hello':
        if (message.protocol !== protocolVersion) {
          log.error('the daemon speaks another protocol', {
            theirs: message.protocol,
            ours: protocolVersion,
            daemonVersion: message.daemonVersion,
          });
        }
        return;
      case 'snapshot':
        if (this.#next === null) this.#applying = this.#applying.then(() => this.#applyNext());
        this.#next = message.snapshot;
        return;
      case 'svid':
        this.#adopt(() => renewal.accept(message.chainPem, message.bundlePem));
        return;
      case 'roots':
        this.#adopt(() => renewal.trust(message.bundlePem));
        return;
      case 'renew':
        renewal.renew();
        return;
      case 'certificate':
        this.#hold(message.name, message.chainPem, message.keyPem);
        return;
      case 'ping':
        send({ kind: 'pong', id: message.id });
        return;
      case 'query':
        send({ kind: 'reply', id: message.id, body: this.#answer(message.what) });
        return;
      case 'explain':
        send({ kind: 'reply', id: message.id, body: this.#explain(message.request) });
        return;
      case 'judge':
        send({ kind: 'reply', id: message.id, body: this.#deps.dataPlane.judge(message.call) });
        return;
      case 'observe':
        this.#deps.dataPlane.observe(message.observation, this.#deps.tell);
        return;
      case 'tap':
        this.#deps.dataPlane.tap(message.orders, this.#deps.tell);
        return;
      case 'probe':
        this.#deps.probe.tellAll();
        return;
      case 'daemon-metrics':
        this.#deps.daemonScrape.take(message.text);
        return;
      case 'drain':
        log.info('draining', { graceMs: message.graceMs });
        onDrain(message.graceMs);
    }
  }

  async #applyNext(): Promise<void> {
    const { send, log } = this.#deps;
    const value = this.#next;
    this.#next = null;
    try {
      const version = await this.#apply(value);
      log.info('snapshot applied', { version });
      send({ kind: 'ack', version });
    } catch (error) {
      const reason = messageOf(error);
      const version = versionOf(value);
      log.error('snapshot refused, the last one stays', { version, reason });
      send({ kind: 'nack', version, reason });
    }
  }

  async #apply(value: unknown): Promise<string> {
    const { workload, trustDomain, dataPlane, gateways, endpoints, onApplied } = this.#deps;
    const snapshot = decodeSnapshot(value);
    if (snapshot.workload !== workload) throw new Error(`snapshot is for ${snapshot.workload}, this is ${workload}`);
    if (snapshot.trustDomain !== trustDomain) throw new Error(`snapshot is of ${snapshot.trustDomain}, this is ${trustDomain}`);
    if (snapshot.version === dataPlane.snapshot?.version) return snapshot.version;
    await endpoints.prepare(snapshot);
    const change = await gateways.prepare(snapshot);
    try {
      dataPlane.apply(endpoints.fill(snapshot));
    } catch (error) {
      change.rollback();
      throw error;
    }
    change.commit();
    endpoints.use(snapshot);
    onApplied(snapshot);
    return snapshot.version;
  }

  /** Certificates and roots of the mesh. */
  #adopt(what: () => void): void {
    const { log, identity } = this.#deps;
    try {
      what();
      const { svid } = identity;
      log.info('certificate in use', { expires: new Date(svid?.expiresAtMs ?? 0).toISOString(), root: svid?.root ?? '' });
    } catch (error) {
      // OpenSSL's texts hold no key material, but only ours are known not to.
      log.error('certificate refused', { reason: error instanceof SvidError ? error.message : 'OpenSSL cannot use it' });
    }
    this.#tellIdentity();
  }

  #hold(name: string, chainPem: string, keyPem: string): void {
    const { log, certificates } = this.#deps;
    try {
      const { expiresAtMs } = certificates.replace(name, chainPem, keyPem);
      log.info('gateway certificate in use', { name, expires: new Date(expiresAtMs).toISOString() });
    } catch (error) {
      log.error('gateway certificate refused', { name, reason: error instanceof Error ? error.message : '' });
    }
  }

  #explain(request: ExplainRequest): Explanation | null {
    try {
      return this.#deps.dataPlane.explain(request);
    } catch (error) {
      return { listener: 'none', lines: [messageOf(error)], route: null };
    }
  }

  #answer(what: QueryKind): unknown {
    const { dataPlane, metrics, identity, probe, gateways, certificates, connections } = this.#deps;
    switch (what) {
      case 'config':
        return dataPlane.snapshot;
      case 'stats':
        return metrics();
      case 'exposition':
        return packExposition(metrics());
      case 'calls':
        return dataPlane.calls();
      case 'state': {
        const { svid } = identity;
        return {
          version: dataPlane.snapshot?.version ?? null,
          certificate:
            svid === null
              ? null
              : { spiffeId: svid.spiffeId, notBeforeMs: svid.notBeforeMs, expiresAtMs: svid.expiresAtMs, problem: identity.gap },
          apps: probe.states,
          gatewayPorts: gateways.ports,
          gatewayCertificates: certificates.states,
          tcpConnections: connections(),
          clusters: dataPlane.clusters(),
        };
      }
    }
  }
}

/** For the nack of a snapshot that could not even be decoded. */
function versionOf(value: unknown): string {
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  return typeof version === 'string' && /^[0-9A-Za-z._-]{1,64}$/.test(version) ? version : 'unknown';
}
