import type { Resource } from '@opentelemetry/resources';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import { readableSpan, resourceAttributes } from './readable-span.ts';
import type { TracedSpan } from './span-document.ts';
import { type SpanSink, SpansRefused } from './trace-export.ts';

/** A mesh has no more workloads at once; those that are gone make room. */
const maxResources = 500;

/** OpenTelemetry's exporter for OTLP over HTTP, which reads its OTEL_EXPORTER_OTLP_* variables by itself. Loaded here, and nowhere else: it takes 30 MB. */
export async function openOtlpSink(
  protocol: 'http/protobuf' | 'http/json',
  env: Readonly<Record<string, string | undefined>>,
): Promise<SpanSink> {
  // The exporter reads those of the process only; --env-file may say others.
  for (const [name, value] of Object.entries(env)) if (name.startsWith('OTEL_EXPORTER_OTLP_')) process.env[name] ??= value ?? '';
  const [{ resourceFromAttributes }, exporter] = await Promise.all([
    import('@opentelemetry/resources'),
    createExporter(protocol),
  ]);
  const resources = new Map<string, Resource>();
  const resourceOf = ({ from }: TracedSpan): Resource => {
    const key = `${from.name} ${from.version}`;
    const known = resources.get(key) ?? resourceFromAttributes(resourceAttributes(from));
    resources.delete(key);
    resources.set(key, known);
    const [oldest] = resources.keys();
    if (resources.size > maxResources && oldest !== undefined) resources.delete(oldest);
    return known;
  };
  return {
    send: spans =>
      new Promise((resolve, reject) => {
        exporter.export(
          spans.map(span => readableSpan(span, resourceOf(span))),
          ({ code, error }) => (code === 0 ? resolve() : reject(reasonOf(error))),
        );
      }),
    close: () => exporter.shutdown(),
  };
}

/** What the collector says with 4xx it will say again, but for those that ask to wait. The exporter has waited already, as long as its timeout allows. */
function reasonOf(error: (Error & { readonly code?: unknown }) | undefined): Error {
  const status = Number(error?.code);
  const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429;
  const message = error?.message ?? 'the collector refused them';
  return isFinal ? new SpansRefused(`it answers ${status} ${message}`, status === 413) : new Error(message);
}

async function createExporter(protocol: 'http/protobuf' | 'http/json'): Promise<SpanExporter> {
  const { OTLPTraceExporter } = await (protocol === 'http/json'
    ? import('@opentelemetry/exporter-trace-otlp-http')
    : import('@opentelemetry/exporter-trace-otlp-proto'));
  return new OTLPTraceExporter();
}
