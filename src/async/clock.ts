/** Time is passed in: the only sources of it are here, so that a test can own the clock. */
export interface Clock {
  /** Milliseconds since the epoch (wall clock). */
  now(): number;
  /** Milliseconds, monotonic, arbitrary origin. */
  monotonic(): number;
  /** Runs `fn` once after `ms`. The returned function cancels it. A pending timer does not keep the process alive. */
  after(ms: number, fn: () => void): () => void;
}

/** Node fires a timer with a longer time at once. */
const maxTimerMs = 2 ** 31 - 1;

/** The machine's clock. A time beyond 24 days counts as that. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, maxTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
