import type { TapBody, TapLine } from '../api/tap.ts';
import { bytesOf, textOf } from '../text/body-text.ts';
import { escapeLine, escapeLines } from '../text/escape.ts';
import type { Output } from './output.ts';

type Paint = Output['paint'];

/** Lines of a terminal for what was tapped. `heads`: with the heads of request and answer; bodies come where they are there. */
export function tapText(line: Exclude<TapLine, { kind: 'end' }>, heads: boolean, paint: Paint): readonly string[] {
  if (line.kind === 'shed') {
    const noun = line.count === 1 ? 'was' : 'were';
    return [paint('dim', `${line.count} more at ${line.at} ${noun} not shown`)];
  }
  const when = paint('dim', new Date(line.startMs).toISOString().slice(11, 23));
  // What comes from others is made harmless before colours are put around it.
  const from = escapeLine(line.caller || line.principal || line.remoteAddress);
  const ends = `${from} → ${escapeLine(line.called || line.upstreamAddress || 'unknown')}`;
  const flag = line.flag === '-' ? '' : `  ${paint('yellow', escapeLine(line.flag))}`;
  if (line.kind === 'connection') {
    const bytes =
      line.phase === 'opened' ? '' : `  ${duration(line.durationMs)}  ${line.bytesReceived} bytes in, ${line.bytesSent} out`;
    return [`${when}  ${ends}  TCP ${line.phase}${bytes}${flag}  ${line.at}`];
  }
  const { status, grpcStatus } = line;
  const colour = status === 0 || status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green';
  const code = grpcStatus === null ? String(status) : `${status} grpc ${grpcStatus === '' ? '-' : escapeLine(grpcStatus)}`;
  const rule = line.rule === '' ? '' : `  ${escapeLine(line.rule)}`;
  const first = `${when}  ${ends}  ${escapeLine(`${line.method} ${line.target}`)}  ${paint(colour, code)}  ${duration(line.durationMs)}${flag}${rule}  ${line.at}  ${paint('dim', escapeLine(line.requestId))}`;
  return [
    first,
    ...(heads ? line.requestHeaders.map(field => `  > ${escapeLine(field.join(': '))}`) : []),
    ...bodyText(line.requestBody, '  > '),
    ...(heads ? line.responseHeaders.map(field => `  < ${escapeLine(field.join(': '))}`) : []),
    ...bodyText(line.responseBody, '  < '),
  ];
}

function bodyText(body: TapBody | null, indent: string): readonly string[] {
  if (body === null || body.base64 === '') return [];
  const text = textOf(body);
  const lines = text === null ? [`(${bytesOf(body.base64).length} bytes that are no text)`] : escapeLines(text).split('\n');
  return [indent.trimEnd(), ...[...lines, ...(body.cut ? ['…'] : [])].map(line => `${indent}${line}`)];
}

function duration(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
