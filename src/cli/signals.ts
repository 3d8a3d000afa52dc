import { exitCodes } from '../api/mesh-error.ts';

const codes = { SIGINT: exitCodes.interrupted, SIGTERM: 143, SIGHUP: 129 } as const;
type Caught = keyof typeof codes;

/** Calls back with the exit code at the first signal; a second SIGINT or SIGTERM ends the process at once. Dispose to stop listening. */
export function followSignals(onFirst: (code: number) => void): Disposable {
  let seen = false;
  const listeners = (Object.keys(codes) as Caught[]).map(signal => {
    const listener = (): void => {
      // A closing terminal often sends SIGHUP on top of what the user sent: that is no impatience.
      if (seen && signal === 'SIGHUP') return;
      if (seen) process.exit(codes[signal]);
      seen = true;
      onFirst(codes[signal]);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return {
    [Symbol.dispose]() {
      for (const off of listeners) off();
    },
  };
}
