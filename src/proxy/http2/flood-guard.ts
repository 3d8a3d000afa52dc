/** Frames that cost the sender little and us something (PING, SETTINGS, PRIORITY, empty DATA, odd WINDOW_UPDATEs): as many at once, and this many per second. */
const cheapBurst = 1000;
const cheapPerSecond = 100;
/** Streams that are refused or given up at once: Envoy closes after 500 of them where they are the half of all, nghttp2 after 1,000. */
const wasteBurst = 500;
const wastePerSecond = 50;
/** Every stream and every frame of ours may be followed by some WINDOW_UPDATEs. @see Envoy `max_inbound_window_update_frames_per_data_frame_sent` */
const earnedPerFrame = 3;

/** Two allowances of one connection, as token buckets, for what a well-behaved peer does seldom. */
export class FloodGuard {
  #cheap = cheapBurst;
  #waste = wasteBurst;
  #at = 0;
  readonly #now: () => number;

  /** `now`: monotonic ms. */
  constructor(now: () => number) {
    this.#now = now;
    this.#at = now();
  }

  /** We sent something that the peer has to answer. */
  earn(): void {
    if (this.#cheap < cheapBurst) this.#cheap += earnedPerFrame;
  }

  /** A cheap frame came. Returns whether the peer may go on. */
  cheap(): boolean {
    if (--this.#cheap > 0) return true;
    this.#refill();
    return this.#cheap > 0;
  }

  /** A stream came to its end: among many such ones some may be in vain. */
  completed(): void {
    if (this.#waste < wasteBurst) this.#waste++;
  }

  /** A stream was opened in vain. Returns whether the peer may go on. */
  waste(): boolean {
    if (--this.#waste > 0) return true;
    this.#refill();
    return this.#waste > 0;
  }

  /** The clock is read only when an allowance is used up. */
  #refill(): void {
    const now = this.#now();
    const seconds = (now - this.#at) / 1000;
    this.#at = now;
    this.#cheap = Math.min(cheapBurst, this.#cheap + seconds * cheapPerSecond);
    this.#waste = Math.min(wasteBurst, this.#waste + seconds * wastePerSecond);
  }
}
