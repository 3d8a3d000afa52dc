/** Trace context in requests: W3C Trace Context and B3, read and written. */
import type { Propagation } from '../../snapshot/snapshot.ts';
import { bit, field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** What a request says of the trace that it belongs to. */
export interface TraceContext {
  /** 32 lower-case hex digits; the empty string: only whether to sample is said. */
  readonly traceId: string;
  /** Span that the request was sent by. */
  readonly spanId: string;
  /** `null`: not decided yet. */
  readonly sampled: boolean | null;
}

/** The fields that carry it, `tracestate` aside: that one is passed on as it is. */
export const contextFields: number = bit(field.traceparent) | bit(field.b3);

/** @see W3C Trace Context §3.2; what a later version adds behind the flags is left alone. */
const currentForm = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const laterForm = /^(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)/;
/** @see openzipkin/b3-propagation, single header */
const b3Form = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/;
const traceIdForm = /^(?:[0-9a-f]{32}|[0-9a-f]{16})$/;
const spanIdForm = /^[0-9a-f]{16}$/;
const zeros = '0'.repeat(32);

/** What the head says, W3C first; `null`: nothing, or nothing that can be understood. */
export function readContext(head: RequestHead): TraceContext | null {
  if ((head.fields.seen & contextFields) === 0) return null;
  const w3c = head.fields.has(field.traceparent) ? readTraceparent(head) : null;
  return w3c ?? (head.fields.has(field.b3) ? readB3(head) : null);
}

function readTraceparent(head: RequestHead): TraceContext | null {
  // Two of them would be read differently by whoever comes next.
  const value = (head.fields.repeated & bit(field.traceparent)) === 0 ? head.value(field.traceparent) : '';
  if (!currentForm.test(value) && (value.startsWith('00') || !laterForm.test(value))) return null;
  return made(value.substring(3, 35), value.substring(36, 52), (Number.parseInt(value.substring(53, 55), 16) & 1) === 1);
}

function readB3(head: RequestHead): TraceContext | null {
  const single = head.named('b3');
  if (single === null) return readMulti(head);
  if (/^[01d]$/.test(single)) return { traceId: '', spanId: '', sampled: single !== '0' };
  const [, traceId, spanId, sampled] = b3Form.exec(single.toLowerCase()) ?? [];
  if (traceId === undefined || spanId === undefined) return null;
  return made(traceId, spanId, sampled === undefined ? null : sampled !== '0');
}

function readMulti(head: RequestHead): TraceContext | null {
  const flag = head.named('x-b3-sampled');
  // Some write `true`; Zipkin's own libraries read it.
  const decided = flag === null ? null : flag === '1' || flag.toLowerCase() === 'true';
  const sampled = head.named('x-b3-flags') === '1' ? true : decided;
  const traceId = head.named('x-b3-traceid')?.toLowerCase() ?? '';
  const spanId = head.named('x-b3-spanid')?.toLowerCase() ?? '';
  if (!traceIdForm.test(traceId) || !spanIdForm.test(spanId))
    return sampled === null ? null : { traceId: '', spanId: '', sampled };
  return made(traceId, spanId, sampled);
}

function made(traceId: string, spanId: string, sampled: boolean | null): TraceContext | null {
  const whole = traceId.padStart(32, '0');
  return whole === zeros || zeros.startsWith(spanId) ? null : { traceId: whole, spanId, sampled };
}

/** Whole lines that say it, in every form that is asked for. */
export function contextLines(traceId: string, spanId: string, sampled: boolean, forms: readonly Propagation[]): string {
  let lines = '';
  for (const form of forms) {
    if (form === 'w3c') lines += `traceparent: 00-${traceId}-${spanId}-${sampled ? '01' : '00'}\r\n`;
    else if (form === 'b3') lines += `b3: ${traceId}-${spanId}-${sampled ? '1' : '0'}\r\n`;
    else lines += `x-b3-traceid: ${traceId}\r\nx-b3-spanid: ${spanId}\r\nx-b3-sampled: ${sampled ? '1' : '0'}\r\n`;
  }
  return lines;
}
