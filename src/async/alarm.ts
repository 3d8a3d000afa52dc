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
