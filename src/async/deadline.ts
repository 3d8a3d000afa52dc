import type { Clock } from './clock.ts';

/**
 * All deadlines of one length. They expire in the order they were armed, so the list needs one timer, for its head; arming and disarming link and
 * unlink a node and touch no timer. A timer per request would cost more than reading the request.
 */
export class DeadlineList {
  readonly #clock: Clock;
  readonly #ms: number;
  #first: Deadline | null = null;
  #last: Deadline | null = null;
  #ticking = false;

  /** `ms`: time from arming to expiry. */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  /** Starts (or starts again) the deadline's time. */
  arm(deadline: Deadline): void {
    deadline.disarm();
    deadline.list = this;
    deadline.at = this.#clock.monotonic() + this.#ms;
    deadline.before = this.#last;
    if (this.#last === null) this.#first = deadline;
    else this.#last.after = deadline;
    this.#last = deadline;
    if (!this.#ticking) this.#tick(this.#ms);
  }

  /** Used by `Deadline.disarm`. */
  unlink(deadline: Deadline): void {
    if (deadline.before === null) this.#first = deadline.after;
    else deadline.before.after = deadline.after;
    if (deadline.after === null) this.#last = deadline.before;
    else deadline.after.before = deadline.before;
  }

  #tick(ms: number): void {
    this.#ticking = true;
    this.#clock.after(Math.max(1, Math.ceil(ms)), () => {
      this.#ticking = false;
      const now = this.#clock.monotonic();
      // The millisecond: timers may fire a little early against the finer monotonic clock.
      for (let d = this.#first; d !== null && d.at <= now + 1; d = this.#first) {
        d.disarm();
        d.expire();
      }
      if (this.#first !== null && !this.#ticking) this.#tick(this.#first.at - now);
    });
  }
}

/** One thing's deadline: made once with its owner and armed again and again. */
export class Deadline {
  /** Called once per arming that was not disarmed in time. Must not throw. */
  readonly expire: () => void;
  /** The rest belongs to `DeadlineList`. */
  list: DeadlineList | null = null;
  before: Deadline | null = null;
  after: Deadline | null = null;
  at = 0;

  constructor(expire: () => void) {
    this.expire = expire;
  }

  /** Takes the deadline out of its list; nothing happens where it is in none. */
  disarm(): void {
    if (this.list === null) return;
    this.list.unlink(this);
    this.list = null;
    this.before = null;
    this.after = null;
  }
}

/** The lists of one program, one per length. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #lists = new Map<number, DeadlineList>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The list for `ms`, made on first use. Lengths come from the configuration, so there are few. */
  of(ms: number): DeadlineList {
    let list = this.#lists.get(ms);
    if (list === undefined) {
      list = new DeadlineList(this.#clock, ms);
      this.#lists.set(ms, list);
    }
    return list;
  }
}
