import type { Clock } from '../../src/async/clock.ts';

/** A clock that the test moves. Timers fire inside `advance`, in order of their time. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
  /** One turn of an event loop that takes so long: timers that fell due meanwhile fire at its end, late. */
  turn(ms: number): void;
}

/** Starts at zero, also the wall clock. */
export function manualClock(): ManualClock {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly fn: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after(ms, fn) {
      const timer = { at: now + ms, fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...timers].filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        now = Math.max(now, next.at);
        timers.delete(next);
        next.fn();
      }
      now = end;
    },
    turn(ms) {
      now += ms;
      for (const timer of [...timers]) if (timer.at <= now && timers.delete(timer)) timer.fn();
    },
  };
}
