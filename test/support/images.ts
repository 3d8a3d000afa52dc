import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Images that the tests may name: there under their usual names after `ensureImages`, pulled or, without a registry, made. */
export const images = {
  node: 'node:24-bookworm-slim',
  python: 'python:3.11-slim-bookworm',
  redis: 'redis:7',
  curl: 'buildpack-deps:bookworm-curl',
} as const;

/** The one that the e2e suite needs besides. */
export const prometheusImage = 'prom/prometheus:v2.42.0';

/** Makes sure that `images` and `more` are on the engine; returns at once where they are. `npm test` has done it before the first test. */
export async function ensureImages(...more: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL('../../scripts/images.mjs', import.meta.url));
  await promisify(execFile)(process.execPath, [script, ...Object.values(images), ...more]);
}
