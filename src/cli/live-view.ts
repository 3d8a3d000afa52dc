import type { Output } from './output.ts';
import { followSignals } from './signals.ts';

/**
 * Shows each document as lines in place of the last ones: on a terminal on a screen of its own until `q` or Ctrl-C, else one block after the other. `show`: the
 * lines, without control sequences but colours.
 */
export async function liveView<T>(
  output: Output,
  watch: (signal: AbortSignal) => AsyncIterable<T>,
  show: (document: T) => readonly string[],
): Promise<void> {
  const ending = new AbortController();
  using _signals = followSignals(() => ending.abort());
  using _screen = output.dataIsTty ? openScreen(output, () => ending.abort()) : null;
  let first = true;
  for await (const document of watch(ending.signal)) {
    const lines = show(document);
    if (output.dataIsTty) output.redraw(lines);
    else for (const line of first ? lines : ['', ...lines]) output.data(line);
    first = false;
  }
}

/** The terminal's second screen, without cursor and without wrapping; keys come one by one. */
function openScreen(output: Output, onQuit: () => void): Disposable {
  const { stdin } = process;
  const keys = stdin.isTTY;
  const onKey = (key: Buffer): void => {
    // Raw mode hands Ctrl-C over as a key.
    if (['q', 'Q', '\u0003'].includes(key.toString())) onQuit();
  };
  output.raw('\u001b[?1049h\u001b[?25l\u001b[?7l');
  if (keys) stdin.setRawMode(true).on('data', onKey).resume();
  return {
    [Symbol.dispose]() {
      output.raw('\u001b[?7h\u001b[?25h\u001b[?1049l');
      if (keys) stdin.setRawMode(false).off('data', onKey).pause();
    },
  };
}
