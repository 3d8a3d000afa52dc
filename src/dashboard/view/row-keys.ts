import { useEffect, useRef } from 'preact/hooks';

const steps: Readonly<Record<string, (at: number, last: number) => number>> = {
  ArrowDown: (at, last) => Math.min(at + 1, last),
  ArrowUp: at => Math.max(at - 1, 0),
  PageDown: (at, last) => Math.min(at + 10, last),
  PageUp: at => Math.max(at - 10, 0),
  Home: () => 0,
  End: (_, last) => last,
};

/** Keys of a long table, which is one stop of the Tab key: the button of another row is focused and pressed. */
export function pickByKey(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const buttons = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('button.row')];
  const at = buttons.indexOf(event.target as HTMLButtonElement);
  const next = buttons[steps[event.key]?.(at, buttons.length - 1) ?? -1];
  if (at < 0 || next === undefined) return;
  event.preventDefault();
  next.focus();
  next.click();
}

/** Runs `onEscape` when Escape is pressed outside of a field. */
export function useEscape(onEscape: () => void): void {
  const now = useRef(onEscape);
  now.current = onEscape;
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !(event.target instanceof HTMLInputElement)) now.current();
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
}
