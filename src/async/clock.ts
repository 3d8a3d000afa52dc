/** Time is passed in: the only sources of it are here, so that a test can own the clock. */
export interface Clock {
  /** Milliseconds since the epoch (wall clock). */
  now(): number;
  /** Milliseconds, monotonic, arbitrary origin. */
  monotonic(): number;
  /** Runs `fn` once after `ms`. The returned function cancels it. A pending timer does not keep the process alive. */
  after(ms: number, fn: () => void): () => void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
