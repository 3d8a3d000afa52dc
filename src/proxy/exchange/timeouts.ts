import { Deadline } from '../../async/deadline.ts';
import type { Exchange } from './exchange.ts';

/** The times that one exchange may take: the rule's timeout around all tries, a gRPC client's own, and the time without a byte. */
export class Timeouts {
  readonly #exchange: Exchange;
  readonly #timeout = new Deadline(() => this.#exchange.guard(() => this.#exchange.timedOut('timeout')));
  readonly #idle = new Deadline(() => this.#exchange.guard(() => this.#exchange.timedOut('idle-timeout')));
  /** What a gRPC client gives the request. */
  grpcMs: number | null = null;
  #cancelGrpc: (() => void) | null = null;
  /** The request is on its way. */
  #started = false;
  /** Monotonic ms from which the timeout counts; 0: it does not count yet. */
  #from = 0;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Begins anew. */
  reset(): void {
    this.grpcMs = null;
    this.#started = false;
    this.#from = 0;
  }

  /** The request is sent on. Its client's own time counts from here, as Envoy's `max_stream_duration`; it does not reach beyond the rule's. */
  start(requestDone: boolean): void {
    this.#started = true;
    this.moved();
    const { clock } = this.#exchange.parts;
    const ms = this.grpcMs;
    if (ms !== null && ms === this.#ms()) {
      this.#from = clock.monotonic();
      // As many lengths as there are clients: too many for lists of deadlines.
      this.#cancelGrpc = clock.after(ms, () => this.#exchange.guard(() => this.#exchange.timedOut('timeout')));
    } else if (requestDone) this.requestEnded();
  }

  /** The request is complete: the rule's timeout counts from here. */
  requestEnded(): void {
    const ms = this.#ruleMs();
    if (ms === null || !this.#started || this.#from !== 0) return;
    this.#from = this.#exchange.parts.clock.monotonic();
    this.#exchange.parts.deadlines.of(ms).arm(this.#timeout);
  }

  /** A byte moved, either way. */
  moved(): void {
    const ms = this.#exchange.facts.decision.route?.idleTimeoutMs ?? null;
    if (ms !== null) this.#exchange.parts.deadlines.of(ms).arm(this.#idle);
  }

  /** ms that are left; `null`: there is no limit. */
  leftMs(): number | null {
    const ms = this.#ms();
    return ms === null || this.#from === 0 ? ms : ms - (this.#exchange.parts.clock.monotonic() - this.#from);
  }

  /** A tunnel may last as long as it moves. */
  tunnelOpened(): void {
    this.#timeout.disarm();
    this.#cancelGrpc?.();
    this.#cancelGrpc = null;
  }

  stop(): void {
    this.#timeout.disarm();
    this.#idle.disarm();
    this.#cancelGrpc?.();
    this.#cancelGrpc = null;
  }

  #ms(): number | null {
    const rule = this.#ruleMs();
    const own = this.grpcMs;
    return own === null || (rule !== null && rule <= own) ? rule : own;
  }

  #ruleMs(): number | null {
    return this.#exchange.facts.decision.route?.timeoutMs ?? null;
  }
}
