/** Numbers as people read them. */

/** `12`, `1.2 k`, `3.4 M`. */
export function count(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return String(Math.round(value));
}

/** Requests per second: `0`, `0.4`, `12`, `1.2 k`. */
export function rate(value: number): string {
  if (value === 0) return '0';
  return value < 10 ? value.toFixed(value < 0.1 ? 2 : 1) : count(value);
}

/** `99.2 %`; `–` where nothing was asked. */
export function percent(share: number | null, digits = 1): string {
  if (share === null) return '–';
  const text = (share * 100).toFixed(digits);
  // A single failure among many must not read as none.
  return `${Number(text) === 100 && share < 1 ? '>99.9' : text.replace(/\.0$/, '')} %`;
}

/** `0.8 ms`, `12 ms`, `1.5 s`; `–` where there is none. */
export function duration(ms: number | null): string {
  if (ms === null) return '–';
  if (ms === 0) return '0 ms';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : age(ms);
}

/** `12 B`, `3.4 KiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let left = value;
  let unit = 0;
  for (; left >= 1_024 && unit < units.length - 1; unit++) left /= 1_024;
  return `${unit === 0 ? left : left.toFixed(1)} ${units[unit]}`;
}

/** A stretch of time in its two largest units: `2 d 4 h`, `3 min 10 s`, `12 s`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** `14:03:07`, of this machine's zone. */
export function time(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB');
}

/** `14:03:07.123` */
export function preciseTime(ms: number): string {
  return `${time(ms)}.${String(Math.floor(ms % 1_000)).padStart(3, '0')}`;
}
