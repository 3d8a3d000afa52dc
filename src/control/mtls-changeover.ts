/**
 * How callers come from plaintext to mTLS and back without a lost connection: for a moment the service takes both, then the callers change, then the mode
 * that was asked for is in force.
 */
import type { Clock } from '../async/clock.ts';
import { delay } from '../async/delay.ts';
import type { MeshConfig, ServiceConfig } from '../config/mesh-config.ts';
import { mtlsOf } from '../config/mtls-of.ts';

/** What callers send at ports that take both meanwhile. By `changeoverKey`. */
export type Changeover = ReadonlyMap<string, 'mtls' | 'plain'>;

/** A sidecar that hangs must not keep a service from being strict. */
const stepMs = 10_000;
/** Connections that callers were just making as before get so long to arrive, also on a busy machine, before nobody takes them any more. */
const underWayMs = 500;

/** How a port is named in a `Changeover`. */
export function changeoverKey(service: string, port: number): string {
  return `${service} ${port}`;
}

/** What callers send to a port. */
export function callersSend(service: ServiceConfig, port: number, changeover: Changeover): 'mtls' | 'plain' {
  return changeover.get(changeoverKey(service.name, port)) ?? (mtlsOf(service, port) === 'disabled' ? 'plain' : 'mtls');
}

/** Ports whose callers have to change, with what they send `before` (the changeover that is under way counts) and what `after`. Ports that are new have no callers. */
export function changedPorts(
  before: MeshConfig,
  after: MeshConfig,
  underWay: Changeover,
): { readonly from: Changeover; readonly to: Changeover } {
  const from = new Map<string, 'mtls' | 'plain'>();
  const to = new Map<string, 'mtls' | 'plain'>();
  const old = new Map(before.services.map(service => [service.name, service]));
  for (const service of after.services) {
    const was = old.get(service.name);
    for (const { port } of service.ports) {
      if (was === undefined || !was.ports.some(one => one.port === port)) continue;
      const key = changeoverKey(service.name, port);
      const sent = callersSend(was, port, underWay);
      const wanted = callersSend(service, port, new Map());
      // Where it is under way, the service may have to take the other kind still.
      if (sent === wanted && !underWay.has(key)) continue;
      from.set(key, sent);
      to.set(key, wanted);
    }
  }
  return { from, to };
}

/** What the steps need. */
export interface ChangeoverOptions {
  readonly clock: Clock;
  /** Compiles and pushes what stands now. */
  readonly publish: () => void;
  /** Resolves when every connected sidecar has it. */
  readonly settled: (signal: AbortSignal) => Promise<unknown>;
}

/** Leads from one configuration to the next. A newer one takes over from where things stand. */
export class MtlsChangeover {
  readonly #options: ChangeoverOptions;
  #current: Changeover = new Map();
  #running = new AbortController();
  #over: Promise<void> = Promise.resolve();

  constructor(options: ChangeoverOptions) {
    this.#options = options;
  }

  /** For the next compile. */
  get current(): Changeover {
    return this.#current;
  }

  /** Resolves when the modes of the newest configuration are in force. */
  get over(): Promise<void> {
    return this.#over;
  }

  /** `after` is about to be published instead of `before`. */
  begin(before: MeshConfig | null, after: MeshConfig): void {
    const { from, to } = before === null ? { from: new Map(), to: new Map() } : changedPorts(before, after, this.#current);
    this.#running.abort();
    this.#current = from;
    if (from.size === 0) {
      this.#over = Promise.resolve();
      return;
    }
    this.#running = new AbortController();
    this.#over = this.#lead(to, this.#running.signal);
  }

  /** Stays where it is. */
  close(): void {
    this.#over = Promise.resolve();
    this.#running.abort();
  }

  async #lead(to: Changeover, signal: AbortSignal): Promise<void> {
    for (const step of [to, new Map()]) {
      await this.#settled(signal);
      // Given up where it is taken over.
      if (step !== to) await delay(this.#options.clock, underWayMs, signal).catch(() => {});
      // Whoever waits, waits for the newer one.
      if (signal.aborted) return this.#over;
      this.#current = step;
      this.#options.publish();
    }
  }

  async #settled(signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    const cancel = this.#options.clock.after(stepMs, () => late.abort());
    try {
      await this.#options.settled(AbortSignal.any([signal, late.signal]));
    } catch {
      // Too late or taken over: what follows is decided by `signal`.
    } finally {
      cancel();
    }
  }
}
