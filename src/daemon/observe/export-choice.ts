/** Where traces go beside the daemon's memory, by the variables of OpenTelemetry. @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export type ExportChoice =
  | { readonly kind: 'none' }
  /** It is asked for what is not there. */
  | { readonly kind: 'refused'; readonly problem: string; readonly hint: string }
  /** One line of JSON on stderr per span. */
  | { readonly kind: 'console' }
  /** `shown`: where to, without user and password. */
  | { readonly kind: 'otlp'; readonly protocol: 'http/protobuf' | 'http/json'; readonly shown: string };

const defaultEndpoint = 'http://localhost:4318';

/** Reads the variables. An endpoint is enough to be asked for; without one, `OTEL_TRACES_EXPORTER=otlp` is. */
export function exportChoice(env: Readonly<Record<string, string | undefined>>): ExportChoice {
  const of = (name: string): string => env[name]?.trim() ?? '';
  const endpoint = of('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') || of('OTEL_EXPORTER_OTLP_ENDPOINT');
  const exporter = of('OTEL_TRACES_EXPORTER') || (endpoint === '' ? 'none' : 'otlp');
  if (of('OTEL_SDK_DISABLED').toLowerCase() === 'true' || exporter === 'none') return { kind: 'none' };
  if (exporter === 'console') return { kind: 'console' };
  if (exporter !== 'otlp')
    return refused(
      `OTEL_TRACES_EXPORTER: ${JSON.stringify(exporter.slice(0, 40))} is not known here`,
      'one of otlp, console, none',
    );
  const protocol = of('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') || of('OTEL_EXPORTER_OTLP_PROTOCOL') || 'http/protobuf';
  if (protocol !== 'http/protobuf' && protocol !== 'http/json')
    return refused(
      `OTLP over ${JSON.stringify(protocol.slice(0, 40))} is not spoken`,
      'OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, and the port of the collector for HTTP, mostly 4318',
    );
  const url = URL.parse(endpoint === '' ? defaultEndpoint : endpoint);
  if (url === null || !/^https?:$/.test(url.protocol))
    return refused('the OTLP endpoint is no URL of http or https', 'OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318');
  return { kind: 'otlp', protocol, shown: url.host };
}

function refused(problem: string, hint: string): ExportChoice {
  return { kind: 'refused', problem, hint };
}
