import type { SpanDocument, SpanEvent } from '../../../api/trace.ts';
import { escapeLine } from '../../../text/escape.ts';
import { duration } from '../../view/figures.ts';
import { flagWords } from '../../view/flag-words.ts';
import { healthOfStatus } from '../../view/health.ts';
import type { Health } from '../../view/parts.tsx';
import { endOf, lengthOf, type SpanNode } from './trace-tree.ts';

/** Clocks of one machine tell less apart, ms. */
const sameMs = 0.05;

/** `storefront → reviews` where it calls, the workload where it is called. */
export function labelOf({ kind, service, workload, peer }: SpanDocument): string {
  return escapeLine(kind === 'client' ? `${service} → ${peer === '' ? 'unknown' : peer}` : workload);
}

/** What was answered, and how well that is. */
export function codeOf({ attributes, error }: SpanDocument): { readonly text: string; readonly health: Health } {
  const grpc = attributes['rpc.grpc.status_code'];
  if (grpc !== undefined)
    return { text: Number(grpc) === 0 ? 'OK' : `grpc ${escapeLine(String(grpc))}`, health: error ? 'bad' : 'good' };
  return statusCode(Number(attributes['http.response.status_code'] ?? 0), error);
}

/** A status, `–` for no answer. `failed`: whatever it says, something below it did. */
export function statusCode(status: number, failed: boolean): { readonly text: string; readonly health: Health } {
  return { text: status === 0 ? '–' : String(status), health: healthOfStatus(status, failed) };
}

/** Response flags and faults of a span, each with what it means. */
export function marksOf({ attributes }: SpanDocument): readonly (readonly [mark: string, meaning: string])[] {
  const flags = String(attributes['mesh.response_flags'] ?? '');
  const delayMs = Number(attributes['mesh.fault.delay_ms'] ?? 0);
  return [
    ...flags.split(',').flatMap(flag => (flag === '' ? [] : [[escapeLine(flag), flagWords(flag)] as const])),
    ...(delayMs > 0 ? [['fault', `delayed on purpose by ${duration(delayMs)}`] as const] : []),
  ];
}

/** `retry 1: ratings-v1-1 503 at 20 ms`. `startMs`: of the trace. */
export function eventText({ name, attributes, atMs }: SpanEvent, startMs: number): string {
  const word = (key: string): string => String(attributes[key] ?? '');
  const what = [word('mesh.peer'), word('mesh.outcome')].filter(text => text !== '').join(' ');
  return escapeLine(`${name} ${word('mesh.attempt')}: ${what} at ${duration(Math.max(0, atMs - startMs))}`);
}

/** What the time is that a span waited for nothing below it. */
export function ownText({ span, own, children }: SpanNode): string {
  const ms = lengthOf(own);
  if (span.kind === 'server') return `${duration(ms)} in the app and its sidecar`;
  if (children.length === 0) return 'not known: there is no span of the called service';
  const [only] = children;
  if (children.length > 1 || only === undefined) return `${duration(ms)} in network and proxies`;
  if (only.span.durationMs > span.durationMs) return 'not known: the called service went on for longer';
  const [first, last] = [only.span.startMs - span.startMs, endOf(span) - endOf(only.span)];
  const parts = first < 0 || last < 0 ? '' : ` (${duration(first)} before, ${duration(last)} after)`;
  return `${duration(ms)} in network and proxies${parts}`;
}

/** What is odd about where a span stands. */
export function notesOf({ span, parent, placed, children }: SpanNode): readonly string[] {
  const notes: string[] = [];
  if (placed === 'torn')
    notes.push(`What called it (span ${span.parentId}) is not here: it is outside of the mesh, of the app itself, or not kept.`);
  if (placed === 'time')
    notes.push(
      `Its parent (span ${span.parentId}) is not of the mesh: the app makes spans too. It stands here because this app served nothing else then.`,
    );
  if (parent !== null) {
    const early = parent.span.startMs - span.startMs;
    const late = endOf(span) - endOf(parent.span);
    if (early > sameMs) notes.push(`It begins ${duration(early)} before what called it: their clocks differ.`);
    if (late > sameMs)
      notes.push(`It ends ${duration(late)} after what called it: the caller had stopped waiting, or their clocks differ.`);
  }
  if (span.kind === 'client' && children.length === 0)
    notes.push('No span of the called service: it is outside of the mesh, was not reached, or has not told yet.');
  return notes;
}

/** Colour of a service in one trace: by its turn. Red is for what fails. */
export function serviceColour(service: string, services: readonly string[]): string {
  const colours = ['--series-1', '--series-2', '--series-3', '--series-4', '--series-6'];
  return colours[Math.max(0, services.indexOf(service)) % colours.length] ?? '--series-6';
}
