import type { Clock } from '../../src/async/clock.ts';

/** A clock that goes in turns of an event loop: timers that fell due fire at the end of a turn, however late that is. */
export interface TurnClock extends Clock {
  /** One turn that takes so long. */
  turn(ms: number): void;
}

/** Starts at zero, also the wall clock. */
export function turnClock(): TurnClock {
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
    turn(ms) {
      now += ms;
      for (const timer of [...timers]) if (timer.at <= now && timers.delete(timer)) timer.fn();
    },
  };
}
