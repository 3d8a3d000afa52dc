/** The certificates of the gateways: issued by the CA of the mesh or read from the user's files, and kept fresh. Keys are in memory only. */
import { createHash } from 'node:crypto';
import { at } from '../async/alarm.ts';
import type { Clock } from '../async/clock.ts';
import type { GatewayConfig, GatewayTlsConfig, MeshConfig } from '../config/mesh-config.ts';
import { readRegularFile } from '../config/read-file.ts';
import { renewAtMs } from '../identity/svid.ts';
import type { Authority } from '../pki/authority.ts';
import type { Certificate } from '../snapshot/channel.ts';
import { messageOf } from '../text/message-of.ts';

/** What certificates need from around them. */
export interface GatewayCertificatesOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** A gateway has another certificate. */
  readonly onChanged: (certificate: Certificate) => void;
  /** A file changed again since it was judged, or is gone: the certificate before stays. */
  readonly onFailed: (gateway: string, reason: string) => void;
}

interface Entry {
  /** What it was made for. */
  readonly from: string;
  readonly certificate: Certificate | null;
  readonly cancel: () => void;
}

/** What the configuration accepts. */
const maxFileBytes = 1024 * 1024;

/** See the file's head. */
export class GatewayCertificates {
  readonly #options: GatewayCertificatesOptions;
  readonly #entries = new Map<string, Entry>();
  #config: MeshConfig | null = null;

  constructor(options: GatewayCertificatesOptions) {
    this.#options = options;
  }

  /** The certificate of a gateway, `null` while it is being made and for one without TLS. */
  of(gateway: string): Certificate | null {
    return this.#entries.get(gateway)?.certificate ?? null;
  }

  /** Another configuration: what it needs is made, what it no longer needs forgotten. */
  update(config: MeshConfig): void {
    this.#config = config;
    const wanted = new Map(
      config.gateways.flatMap(gateway => (gateway.tls === undefined ? [] : [[gateway.name, gateway.tls] as const])),
    );
    for (const [name, entry] of this.#entries) {
      if (wanted.has(name)) continue;
      entry.cancel();
      this.#entries.delete(name);
    }
    for (const [name, tls] of wanted) {
      const from = JSON.stringify(tls.certificate);
      const before = this.#entries.get(name);
      if (before?.from === from) continue;
      before?.cancel();
      this.#entries.set(name, { from, certificate: before?.certificate ?? null, cancel: () => {} });
      void this.#make(name, from, tls.certificate);
    }
  }

  /** The root that signs is another one: what it has issued is issued anew. */
  reissue(): void {
    for (const { name, tls } of this.#config?.gateways ?? []) {
      const entry = this.#entries.get(name);
      if (entry === undefined || tls?.certificate.kind !== 'issued') continue;
      entry.cancel();
      void this.#make(name, entry.from, tls.certificate);
    }
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.cancel();
    this.#entries.clear();
  }

  async #make(name: GatewayConfig['name'], from: string, source: GatewayTlsConfig['certificate']): Promise<void> {
    const { onChanged, onFailed, clock } = this.#options;
    try {
      const made = source.kind === 'issued' ? await this.#issue(source.names) : read(source);
      // Meanwhile another one may be wanted.
      if (this.#entries.get(name)?.from !== from) return;
      const certificate: Certificate = { kind: 'certificate', name, chainPem: made.chainPem, keyPem: made.keyPem };
      const cancel = made.renewAtMs === null ? () => {} : at(clock, made.renewAtMs, () => void this.#make(name, from, source));
      this.#entries.set(name, { from, certificate, cancel });
      onChanged(certificate);
    } catch (error) {
      onFailed(name, messageOf(error));
    }
  }

  async #issue(names: readonly string[]): Promise<Made> {
    const { authority, random, clock } = this.#options;
    const sinceMs = clock.now();
    const issued = await authority.issueServer(names);
    return { chainPem: issued.chainPem, keyPem: issued.privateKeyPem, renewAtMs: renewAtMs({ ...issued, sinceMs }, random()) };
  }
}

interface Made {
  readonly chainPem: string;
  readonly keyPem: string;
  /** Ms since epoch; `null` for the user's own. */
  readonly renewAtMs: number | null;
}

function read({ cert, key, fingerprint }: Extract<GatewayTlsConfig['certificate'], { kind: 'files' }>): Made {
  const [chainPem = '', keyPem = ''] = [cert, key].map(file => readRegularFile(file, maxFileBytes).bytes.toString('latin1'));
  if (createHash('sha256').update(chainPem).digest('hex') !== fingerprint) throw new Error(`${cert} has changed again`);
  return { chainPem, keyPem, renewAtMs: null };
}
