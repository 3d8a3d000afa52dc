import type { HrTime, SpanContext } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { version } from '../../api/version.ts';
import { type SpanSource, spanDocument, type TracedSpan } from './span-document.ts';

/** OpenTelemetry's numbers for what the API tells in words. */
const spanKind = { server: 1, client: 2 } as const;
const statusCode = { unset: 0, error: 2 } as const;
const sampled = 1;

/** A span as exporters take it. `resource`: of the service and workload that it was made at. */
export function readableSpan(span: TracedSpan, resource: Resource): ReadableSpan {
  const { traceId, spanId, parentId, kind, name, startMs, durationMs, attributes, events, error } = spanDocument(span);
  const contextOf = (id: string): SpanContext => ({ traceId, spanId: id, traceFlags: sampled, isRemote: true });
  return {
    name,
    kind: spanKind[kind],
    spanContext: () => contextOf(spanId),
    ...(parentId === null ? {} : { parentSpanContext: contextOf(parentId) }),
    startTime: hrTime(startMs),
    endTime: hrTime(startMs + durationMs),
    duration: hrTime(durationMs),
    status: { code: error ? statusCode.error : statusCode.unset },
    attributes: { ...attributes },
    links: [],
    events: events.map(event => ({
      name: event.name,
      time: hrTime(event.atMs),
      attributes: { ...event.attributes },
      droppedAttributesCount: 0,
    })),
    ended: true,
    resource,
    instrumentationScope: { name: 'localmesh', version: version() },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** What back ends group spans by. */
export function resourceAttributes({ name, service, version: ofService }: SpanSource): Record<string, string> {
  return {
    'service.name': service,
    'service.instance.id': name,
    ...(ofService === '' ? {} : { 'service.version': ofService }),
  };
}

/** Seconds and nanoseconds. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1_000_000)];
}
