/**
 * Waits for a fact: tries `check` until it returns without throwing, and returns its value.
 * Rejects with the last error once `timeoutMs` (default 10 s) is over, so that a failure says what was still wrong.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number; readonly what?: string } = {},
): Promise<T> {
  const { timeoutMs = 10_000, everyMs = 20, what = 'the condition' } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= deadline) {
        throw new Error(
          `${what} did not come true in ${timeoutMs} ms: ${error instanceof Error ? error.message : String(error)}`,
          {
            cause: error,
          },
        );
      }
    }
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}
