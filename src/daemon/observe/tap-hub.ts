import { MeshError } from '../../api/mesh-error.ts';
import { headerTest, statusRange, type TapLine, type TapRequest } from '../../api/tap.ts';
import type { Clock } from '../../async/clock.ts';
import type { ObservedWorkload } from '../../control/control-plane.ts';
import { type TapOrder, type Tapped, type TappedExchange, tapLifeMs } from '../../snapshot/tap.ts';
import type { ControlPort } from '../control-port.ts';
import type { Names } from './stats.ts';

/** Lines that wait for a reader; whoever is slower than that is sent away. */
const maxWaiting = 1_000;
/** The same for heads and bodies in them, in characters. What one sidecar tells at once has up to 0.7 million. */
const maxWaitingText = 8 * 1024 * 1024;
/** Sidecars are asked again while somebody watches. */
const renewMs = tapLifeMs / 3;
/** Each of them costs every sidecar a look at every request. */
const maxWatchers = 16;

/** What a hub needs. */
export interface TapHubParts {
  readonly clock: Clock;
  readonly control: Pick<ControlPort, 'tap' | 'onTapped'>;
  /** The configuration's; `null`: none is in force yet. */
  readonly config: () => Names | null;
}

interface Watcher {
  readonly order: TapOrder;
  /** A line for it. */
  take(line: TapLine): void;
}

/** Brings what sidecars tell of live requests to those who watch; tells sidecars who that is, and that they have gone. */
export class TapHub {
  readonly #parts: TapHubParts;
  readonly #watchers = new Map<number, Watcher>();
  #last = 0;
  #renewal: (() => void) | null = null;

  constructor(parts: TapHubParts) {
    this.#parts = parts;
    parts.control.onTapped((from, message) => this.#take(from, message));
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** Lines until the signal, the time or the number of the request ends it, or the reader is too slow. @throws MeshError `unknown-service`, `too-many-taps`, `bad-tap` */
  watch(request: TapRequest, signal: AbortSignal): AsyncIterable<TapLine> {
    this.#check(request);
    const id = ++this.#last;
    const lines = new Lines(request.max, () => {
      overdue?.();
      signal.removeEventListener('abort', gone);
      this.#watchers.delete(id);
      this.#order();
    });
    const gone = (): void => lines.close();
    this.#watchers.set(id, { order: orderOf(id, request), take: line => lines.take(line) });
    this.#order();
    const overdue = request.forMs > 0 ? this.#parts.clock.after(request.forMs, () => lines.end('time')) : null;
    signal.addEventListener('abort', gone);
    if (signal.aborted) gone();
    return lines.read();
  }

  #check({ from, to }: TapRequest): void {
    const config = this.#parts.config();
    const names =
      config === null ? [] : [...config.services, ...config.gateways, ...(config.external ?? [])].map(({ name }) => name);
    for (const name of [from, to])
      if (name !== '' && config !== null && !names.includes(name))
        throw new MeshError('unknown-service', `no service or gateway "${name}"`, `one of ${names.join(', ')}`);
    if (this.#watchers.size >= maxWatchers)
      throw new MeshError('too-many-taps', `${maxWatchers} taps are open already`, 'end one of them');
  }

  /** Tells sidecars who watches, now and as long as somebody does. */
  #order(): void {
    this.#renewal?.();
    this.#parts.control.tap([...this.#watchers.values()].map(({ order }) => order));
    this.#renewal = this.#watchers.size === 0 ? null : this.#parts.clock.after(renewMs, () => this.#order());
  }

  #take({ name, service }: ObservedWorkload, { events, dropped }: Tapped): void {
    for (const { ids, event } of events) {
      // Whose end a sidecar is, it does not choose.
      const own = event.side === 'source' ? { caller: service } : { called: service };
      for (const id of new Set(ids)) this.#watchers.get(id)?.take({ at: name, ...event, ...own });
    }
    for (const { id, count } of dropped) this.#watchers.get(id)?.take({ kind: 'shed', at: name, count });
  }
}

/** Lines on their way to one reader. */
class Lines {
  readonly #max: number;
  readonly #closed: () => void;
  #waiting: TapLine[] = [];
  #waitingText = 0;
  #taken = 0;
  #over = false;
  #wake: () => void = () => {};

  /** `closed`: there will be no more. */
  constructor(max: number, closed: () => void) {
    this.#max = max;
    this.#closed = closed;
  }

  take(line: TapLine): void {
    if (this.#over) return;
    if (this.#waiting.length >= maxWaiting || this.#waitingText > maxWaitingText) {
      this.#waiting = [];
      this.end('slow');
      return;
    }
    this.#waiting.push(line);
    if (line.kind === 'exchange') this.#waitingText += lengthOf(line);
    if (line.kind !== 'shed') this.#taken++;
    if (this.#max > 0 && this.#taken >= this.#max) this.end('max');
    this.#wake();
  }

  end(reason: 'max' | 'time' | 'slow'): void {
    if (this.#over) return;
    this.#waiting.push({ kind: 'end', reason });
    this.close();
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#closed();
    this.#wake();
  }

  async *read(): AsyncGenerator<TapLine, void, void> {
    try {
      for (;;) {
        const lines = this.#waiting;
        this.#waiting = [];
        this.#waitingText = 0;
        yield* lines;
        if (this.#waiting.length > 0) continue;
        if (this.#over) return;
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.close();
    }
  }
}

function lengthOf({ target, authority, requestHeaders, responseHeaders, requestBody, responseBody }: TappedExchange): number {
  let length = target.length + authority.length + (requestBody?.base64.length ?? 0) + (responseBody?.base64.length ?? 0);
  for (const fields of [requestHeaders, responseHeaders])
    for (const [name, value] of fields) length += name.length + value.length;
  return length;
}

function orderOf(id: number, { at, from, to, path, method, statuses, headers, bodyBytes }: TapRequest): TapOrder {
  return { id, at, from, to, path, method, statuses: statuses.map(statusRange), headers: headers.map(headerTest), bodyBytes };
}
