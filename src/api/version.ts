import { readFileSync } from 'node:fs';

/** Version of this package, from the package.json beside `dist` or above `src`. */
export function version(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8'));
      if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
    } catch {
      // The other place.
    }
  }
  return 'unknown';
}
