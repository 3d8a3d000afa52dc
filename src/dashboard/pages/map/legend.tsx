import type { VNode } from 'preact';

const lines = [
  ['good', 'healthy'],
  ['warn', '! degraded: some fail, or 10 % are 4xx'],
  ['bad', '✕ failing: 10 % fail, or 20 % are 4xx'],
  ['idle', 'idle'],
  ['denied', 'denied by access rules'],
] as const;
const shapes = [
  ['service', 'service'],
  ['gateway', 'gateway'],
  ['outside', 'outside of the mesh'],
  ['stranger', 'unknown'],
] as const;

/** What lines, shapes and signs mean. */
export function Legend(): VNode {
  return (
    <details class="map-legend">
      <summary>Legend</summary>
      <ul>
        {lines.map(([name, text]) => (
          <li key={name}>
            <i class={`map-line ${name}`} aria-hidden="true" /> {text}
          </li>
        ))}
        <li>
          <i class="map-line thick" aria-hidden="true" /> the thicker, the more requests
        </li>
        <li>
          <svg class="map-lock" viewBox="0 0 12 14" aria-hidden="true">
            <path d="M3 7V4a3 3 0 0 1 6 0v3" fill="none" stroke="currentColor" stroke-width="1.5" />
            <rect x="1.5" y="6.5" width="9" height="7" rx="1" fill="currentColor" />
          </svg>{' '}
          mutual TLS
        </li>
        {shapes.map(([name, text]) => (
          <li key={name}>
            <i class={`map-shape ${name}`} aria-hidden="true" /> {text}
          </li>
        ))}
      </ul>
    </details>
  );
}
