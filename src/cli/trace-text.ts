import type { BrokenPropagation, SpanDocument, TraceDocument, TraceSummary } from '../api/trace.ts';
import { escapeLine } from '../text/escape.ts';
import type { Output } from './output.ts';
import { table } from './table.ts';

type Paint = Pick<Output, 'paint'>;

const barWidth = 40;
/** A loop between services is no deeper to read. */
const maxDepth = 12;

/** Traces, one on a line. `nowMs`: ms since epoch, for nothing but the date: clocks of one machine are one clock. */
export function tracesText(traces: readonly TraceSummary[], output: Paint): readonly string[] {
  const rows = traces.map(trace => [
    clockTime(trace.startMs),
    trace.traceId,
    escapeLine(trace.service),
    escapeLine(trace.name),
    code(trace.status, trace.errors > 0, output),
    duration(trace.durationMs),
    String(trace.spans),
    escapeLine(trace.services.join(' → ')) + (trace.broken ? output.paint('yellow', ' (torn off)') : ''),
  ]);
  return table(['STARTED', 'TRACE', 'FROM', 'REQUEST', 'CODE', 'TIME', 'SPANS', 'SERVICES'], rows);
}

/** A trace on a line of its own. */
export function traceLine(trace: TraceSummary, output: Paint): string {
  const way = escapeLine(trace.services.join(' → ')) + (trace.broken ? output.paint('yellow', ' (torn off)') : '');
  const status = code(trace.status, trace.errors > 0, output);
  return `${clockTime(trace.startMs)}  ${trace.traceId}  ${status}  ${duration(trace.durationMs).padStart(8)}  ${escapeLine(trace.name)}  ${way}`;
}

/** A trace as a waterfall: what was called by whom, how long it took, and when within the whole. */
export function traceText(trace: TraceDocument, output: Paint): readonly string[] {
  const { hops, notes, durationMs, services } = trace;
  const lines = [
    `trace ${trace.traceId}`,
    `${escapeLine(trace.name)}  ${code(trace.status, trace.errors > 0, output)}  ${duration(durationMs)}  ${count(services.length, 'service')}, ${count(hops.length, 'span')}${trace.errors > 0 ? `, ${output.paint('red', `${trace.errors} failed`)}` : ''}`,
    `${new Date(trace.startMs).toISOString()}  request ${escapeLine(trace.requestId)}`,
    '',
  ];
  const rows = inTree(hops).flatMap(({ hop, depth }) => [row(hop, depth, trace, output), ...details(hop, depth, trace, output)]);
  const scale = `0${duration(durationMs).padStart(barWidth - 1)}`;
  lines.push(...table(['HOP', 'REQUEST', 'CODE', 'TIME', scale], rows));
  if (notes.length > 0) lines.push('', ...notes.map(note => output.paint('yellow', escapeLine(note))));
  return lines;
}

/** Who breaks traces, with the last call that did. */
export function brokenText(services: readonly BrokenPropagation[], output: Paint): readonly string[] {
  if (services.length === 0) return ['no service was seen to lose trace context'];
  return services.flatMap(({ service, to, verdict, alone, among, idle, kept, evidence }) => {
    const { callTraceId, traceId, call, workload } = evidence;
    const says = verdict === 'does' ? 'does not pass on' : 'may not pass on';
    const counted = [
      [alone, 'while it served one request'],
      [among, 'while it served several'],
      [idle, 'while it served none'],
      [kept, 'with context'],
    ] as const;
    return [
      output.paint(
        verdict === 'does' ? 'red' : 'yellow',
        `${escapeLine(service)} ${says} the trace context when it calls ${escapeLine(to)}`,
      ),
      `  calls: ${counted.flatMap(([n, what]) => (n === 0 ? [] : [`${n} ${what}`])).join(', ')}`,
      `  last:  ${escapeLine(`${workload}: ${call}`)} began trace ${callTraceId}${traceId === null ? '' : `, part of ${traceId}`}`,
    ];
  });
}

function row(hop: SpanDocument, depth: number, trace: TraceSummary, output: Paint): string[] {
  const status = hop.attributes['http.response.status_code'] ?? 0;
  const grpc = hop.attributes['rpc.grpc.status_code'];
  const shown = grpc === undefined ? code(Number(status), hop.error, output) : grpcCode(Number(grpc), output);
  return [indent(depth) + label(hop), escapeLine(hop.name), shown, duration(hop.durationMs), bar(hop, trace, output)];
}

/** What went wrong on the way: tries before the last one, and why the answer is no server's. */
function details(hop: SpanDocument, depth: number, trace: TraceSummary, output: Paint): string[][] {
  const lines = hop.events.map(event => {
    const attempt = String(event.attributes['mesh.attempt'] ?? '');
    const outcome = String(event.attributes['mesh.outcome'] ?? '');
    const peer = String(event.attributes['mesh.peer'] ?? '');
    return [`${event.name} ${attempt}: ${peer}`, outcome, `at ${duration(Math.max(0, event.atMs - trace.startMs))}`];
  });
  const flag = hop.attributes['mesh.response_flags'];
  const why = hop.attributes['mesh.response_code_details'];
  const said = [flag, why].filter(each => each !== undefined).join(' ');
  const paint = (text: string): string => output.paint('yellow', escapeLine(text));
  return [
    ...lines.map(([what = '', outcome = '', at = '']) => [`${indent(depth + 1)}${paint(what)}`, paint(outcome), '', at, '']),
    ...(said === '' ? [] : [[`${indent(depth + 1)}${paint(said)}`, '', '', '', '']]),
  ];
}

/** Callers before whom they called; what was called at one time side by side, in order. */
function inTree(hops: readonly SpanDocument[]): readonly { readonly hop: SpanDocument; readonly depth: number }[] {
  const ids = new Set(hops.map(({ spanId }) => spanId));
  const below = Map.groupBy(hops, ({ parentId }) => (parentId !== null && ids.has(parentId) ? parentId : ''));
  const shown = new Set<SpanDocument>();
  const walk = (id: string, depth: number): { hop: SpanDocument; depth: number }[] =>
    (below.get(id) ?? []).flatMap(hop => {
      if (shown.has(hop)) return [];
      shown.add(hop);
      return [{ hop, depth }, ...walk(hop.spanId, depth + 1)];
    });
  const tree = walk('', 0);
  // Spans whose parents go in a circle are nobody's, and shown all the same.
  return [...tree, ...hops.filter(hop => !shown.has(hop)).map(hop => ({ hop, depth: 0 }))];
}

function label({ kind, service, workload, peer }: SpanDocument): string {
  return escapeLine(kind === 'client' ? `${service} → ${peer === '' ? 'unknown' : peer}` : workload);
}

function indent(depth: number): string {
  return '  '.repeat(Math.min(depth, maxDepth));
}

function bar({ startMs, durationMs, error }: SpanDocument, trace: TraceSummary, output: Paint): string {
  const whole = Math.max(trace.durationMs, 0.001);
  const from = Math.max(0, Math.min(barWidth - 1, Math.floor(((startMs - trace.startMs) / whole) * barWidth)));
  const width = Math.max(1, Math.min(barWidth - from, Math.round((durationMs / whole) * barWidth)));
  return ' '.repeat(from) + output.paint(error ? 'red' : 'green', '█'.repeat(width));
}

function code(status: number, bad: boolean, output: Paint): string {
  const shown = status === 0 ? '-' : String(status);
  return bad || status === 0 || status >= 500
    ? output.paint('red', shown)
    : status >= 400
      ? output.paint('yellow', shown)
      : shown;
}

function grpcCode(status: number, output: Paint): string {
  return status === 0 ? 'OK' : output.paint('red', `grpc ${status}`);
}

/** `0.4 ms`, `12 ms`, `1.20 s` */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
