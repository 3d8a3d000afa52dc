import type { Clock } from '../async/clock.ts';
import type { ObservedCall, ObservedCalls } from '../snapshot/observed-call.ts';
import type { Downstream } from './data-plane.ts';

/** Kinds of calls that are kept; an app with more of them has ids in its paths that are not told from words. */
const maxKinds = 5_000;
/** Nobody writes a rule for a longer one, in bytes, and the answer has to fit into one message. */
const maxPath = 2_048;
const maxMethod = 64;
/** Nobody has asked for so long: nobody is interested any more. */
const interestMs = 30_000;

interface Count {
  readonly kind: Omit<ObservedCall, 'calls'>;
  calls: number;
}

/** What callers called, while somebody wants to know: the first question begins it. Costs nothing else. */
export class CallRecord {
  readonly #clock: Clock;
  #counts: Map<string, Count> | null = null;
  #more = false;
  #stop: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether anybody wants to know; `request` and `connection` need not be called before. */
  get watched(): boolean {
    return this.#counts !== null;
  }

  /**
   * All that was noted since the first question. Who asks again within half a minute keeps it going. `standing`: raw connections that are open, for the first
   * question to begin with; that of a database may have been opened long ago, and is used every second.
   */
  read(standing: Iterable<Downstream> = []): ObservedCalls {
    this.#stop();
    this.#stop = this.#clock.after(interestMs, () => {
      this.#counts = null;
      this.#more = false;
    });
    if (this.#counts === null) {
      this.#counts = new Map();
      for (const { peer, localPort } of standing) this.connection(peer?.spiffeId ?? null, localPort, true);
    }
    return { more: this.#more, calls: [...this.#counts.values()].map(({ kind, calls }) => ({ ...kind, calls })) };
  }

  /** `path`: normalised and decoded, as bytes. */
  request(principal: string | null, port: number, method: string, path: string, allowed: boolean): void {
    if (this.#counts === null) return;
    if (path.length > maxPath || method.length > maxMethod) {
      this.#more = true;
      return;
    }
    this.#count({ principal, port, method, path: Buffer.from(pathTemplate(path), 'latin1').toString(), allowed });
  }

  /** A raw TCP connection. */
  connection(principal: string | null, port: number, allowed: boolean): void {
    this.#count({ principal, port, method: '', path: '', allowed });
  }

  #count(kind: Omit<ObservedCall, 'calls'>): void {
    if (this.#counts === null) return;
    const key = JSON.stringify([kind.principal, kind.port, kind.method, kind.path, kind.allowed]);
    const known = this.#counts.get(key);
    if (known !== undefined) known.calls++;
    else if (this.#counts.size < maxKinds) this.#counts.set(key, { kind, calls: 1 });
    else this.#more = true;
  }
}

/** As in the pattern. */
const maxWord = 40;
/** Numbers, UUIDs, hashes and what is too long for a word; and what would be a pattern itself in a rule. */
const looksLikeId = /^\d+$|^[0-9a-f]{8}-[0-9a-f]{4}-|^(?=.*\d)[0-9A-Fa-f]{8,}$|^(?=.*\d)(?=.*[A-Za-z]).{20,}$|^.{41,}$|[*{}]/i;

/** The path with `{*}` for every segment that looks like an id. */
export function pathTemplate(path: string): string {
  if (!mayHoldId(path)) return path;
  return path
    .split('/')
    .map(segment => (looksLikeId.test(segment) ? '{*}' : segment))
    .join('/');
}

/** Most paths hold none of what `looksLikeId` looks for; a UUID may be without a digit. */
function mayHoldId(path: string): boolean {
  let segment = 0;
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c === 0x2f) segment = i + 1;
    else if ((c >= 0x30 && c <= 0x39) || c === 0x2a || c === 0x7b || c === 0x7d) return true;
    else if (i - segment >= maxWord || (c === 0x2d && i - segment === 8)) return true;
  }
  return false;
}
