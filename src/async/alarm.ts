import type { Clock } from './clock.ts';

/** Timers stand still while a machine sleeps, and its wall clock goes on: it is looked at again after a hundredth of what is left, at most so often. */
const minSliceMs = 5_000;

/** Runs `then` once the wall clock says `whenMs` (ms since epoch), however far away that is, never within the call. The returned function cancels it. */
export function at(clock: Clock, whenMs: number, then: () => void): () => void {
  let cancel = (): void => {};
  const wait = (): void => {
    const waitMs = whenMs - clock.now();
    cancel = waitMs <= 0 ? clock.after(0, then) : clock.after(Math.min(waitMs, Math.max(minSliceMs, waitMs / 100)), wait);
  };
  wait();
  return () => cancel();
}

/** As `at`, once at the end of each of these parts of the time from `sinceMs` to `untilMs`; parts are in (0, 1], ascending. */
export function atParts(
  clock: Clock,
  sinceMs: number,
  untilMs: number,
  parts: readonly number[],
  then: (part: number) => void,
): () => void {
  let cancel = (): void => {};
  const next = ([part, ...later]: readonly number[]): void => {
    if (part === undefined) return;
    cancel = at(clock, sinceMs + (untilMs - sinceMs) * part, () => {
      // First: whoever hears of it may cancel.
      next(later);
      then(part);
    });
  };
  next(parts);
  return () => cancel();
}
