import type { Propagation, Tracing } from '../../snapshot/snapshot.ts';
import type { TracingSpec } from '../schema/tracing.ts';

const everything: Tracing = { sample: 1, propagation: ['w3c', 'b3'] };

/** The tracing of a mesh, or of a service where it says something; `null`: off. */
export function resolveTracing(spec: TracingSpec | undefined, mesh: Tracing | null = everything): Tracing | null {
  if (spec === undefined) return mesh;
  if (spec === 'off') return null;
  const base = mesh ?? everything;
  const written: readonly Propagation[] = spec.propagation ?? base.propagation;
  return { sample: spec.sample === undefined ? base.sample : spec.sample / 100, propagation: [...new Set(written)] };
}
