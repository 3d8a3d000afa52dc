import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Clock } from '../../async/clock.ts';
import type { Svid } from '../../identity/svid.ts';

/** Why there is no identity to present at the moment. */
export type IdentityGap = 'svid_missing' | 'svid_expired';

/** The SVID in use and what TLS needs of it, made once per SVID: a context per connection nearly halves the handshakes per second. */
export class WorkloadIdentity {
  readonly #clock: Clock;
  #svid: Svid | null = null;
  #options: SecureContextOptions | null = null;
  #client: SecureContext | null = null;
  readonly #changed: ((options: SecureContextOptions) => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get svid(): Svid | null {
    return this.#svid;
  }

  /** Context for outgoing connections; present when `gap` is `null`. */
  get client(): SecureContext | null {
    return this.#client;
  }

  /** `null` while a valid SVID is there. */
  get gap(): IdentityGap | null {
    if (this.#svid === null) return 'svid_missing';
    return this.#clock.now() >= this.#svid.expiresAtMs ? 'svid_expired' : null;
  }

  /**
   * New handshakes use `svid` from now on; open connections live on.
   * @throws when OpenSSL refuses the certificates (the old SVID stays)
   */
  replace(svid: Svid): void {
    const options: SecureContextOptions = {
      key: svid.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: svid.chainPem,
      ca: svid.trust.pem,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
    };
    const client = createSecureContext(options);
    this.#options = options;
    this.#client = client;
    this.#svid = svid;
    for (const listener of this.#changed) listener(options);
  }

  /** Calls `listener` with the options of the SVID in use and of every later one. */
  onReplaced(listener: (options: SecureContextOptions) => void): void {
    if (this.#options !== null) listener(this.#options);
    this.#changed.push(listener);
  }
}
