/** Events as the page lists them. Pure. */
import type { EventText } from '../../../api/event-text.ts';
import type { MeshEvent } from '../../../api/types.ts';

/** As many as the daemon keeps. */
export const keptEvents = 1_000;

/** What is chosen to be seen. */
export interface EventFilter {
  /** The empty string: all kinds. */
  readonly kind: string;
  /** In any of an event's words, in any case. */
  readonly text: string;
  /** Steps of the work, too. */
  readonly steps: boolean;
}

/** Where an event's matter is shown. */
export interface EventLink {
  readonly page: string;
  readonly query: Readonly<Record<string, string>>;
  readonly text: string;
}

/** An event in words; one without any, of a kind that nobody knows here, by its fields. */
export function wordsOf(event: MeshEvent): EventText {
  if (event.told !== undefined) return event.told;
  const { seq: _seq, at: _at, kind: _kind, ...fields } = event;
  const parts = Object.entries(fields).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return { level: 'step', text: parts.join(', ') };
}

/** Kinds that are there, sorted. */
export function kindsOf(events: readonly MeshEvent[]): readonly string[] {
  return [...new Set(events.map(({ kind }) => kind))].sort();
}

/** Events that fit, in the order given. A kind that was asked for is shown with its steps. */
export function choose(events: readonly MeshEvent[], { kind, text, steps }: EventFilter): readonly MeshEvent[] {
  const wanted = text.toLowerCase();
  return events.filter(event => {
    if (kind !== '' && event.kind !== kind) return false;
    const words = wordsOf(event);
    if (!steps && kind === '' && words.level === 'step' && event.told !== undefined) return false;
    if (wanted === '') return true;
    const all = [event.kind, words.text, words.detail ?? '', words.hint ?? '', ...blocksOf(event)];
    return all.some(each => each.toLowerCase().includes(wanted));
  });
}

/** Text of several lines that belongs to an event: diagnostics with their carets, operations of a plan. */
export function blocksOf(event: MeshEvent): readonly string[] {
  if (event.kind === 'diagnostics') return event.diagnostics.map(({ text }) => text);
  if (event.kind !== 'plan' || event.operations.length === 0) return [];
  return [event.operations.map(({ kind, target, cause }) => `${kind} ${target}${cause === '' ? '' : ` (${cause})`}`).join('\n')];
}

/** Where more of it is; `null`: nowhere. */
export function linkOf(event: MeshEvent): EventLink | null {
  switch (event.kind) {
    case 'denied':
      return { page: 'security', query: { from: event.from, to: event.to }, text: 'in the matrix' };
    case 'reload':
    case 'diagnostics':
    case 'engine':
    case 'keys':
      return { page: 'config', query: {}, text: 'configuration' };
    case 'fault':
      return { page: 'config', query: { view: 'faults' }, text: 'faults' };
    case 'endpoint':
    case 'overflow':
      return { page: 'traffic', query: { name: event.service }, text: 'traffic' };
    case 'certificates':
    case 'roots':
      return { page: 'security', query: { view: 'certificates' }, text: 'certificates' };
    default: {
      // Kinds that tell of sidecars name them.
      const { workload: one, workloads } = event as { readonly workload?: unknown; readonly workloads?: unknown };
      const workload = Array.isArray(workloads) ? (workloads as unknown[])[0] : one;
      return typeof workload === 'string'
        ? { page: 'config', query: { view: 'sidecars', pick: workload }, text: 'sidecar' }
        : null;
    }
  }
}

/** How many events were lost between what was read before and what is read now; 0 where the daemon counts anew. */
export function missedBetween(before: readonly MeshEvent[], now: readonly MeshEvent[]): number {
  const last = before.at(-1);
  const first = now[0];
  const same = first !== undefined && last !== undefined && Date.parse(first.at) >= Date.parse(last.at);
  return same ? Math.max(0, first.seq - last.seq - 1) : 0;
}
