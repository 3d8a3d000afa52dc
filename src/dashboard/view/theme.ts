/** Light or dark: as the system has it, or as the user chose. */
import { computed, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

const key = 'mesh-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(system.matches);
system.addEventListener('change', ({ matches }) => {
  systemDark.value = matches;
});
const chosen = signal(localStorage.getItem(key) ?? '');

const theme = computed(() => (chosen.value === '' ? (systemDark.value ? 'dark' : 'light') : chosen.value));

/** The theme in force; whoever asks is drawn again when it changes. */
export function useTheme(): string {
  const { value } = theme;
  useEffect(() => {
    document.documentElement.dataset['theme'] = value;
  }, [value]);
  return value;
}

/** Goes to the other theme and keeps to it. */
export function changeTheme(): void {
  chosen.value = theme.value === 'dark' ? 'light' : 'dark';
  localStorage.setItem(key, chosen.value);
}

/** A colour of the theme for what draws on a canvas: `--good` → `#2c7a4b`. */
export function themeColour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
