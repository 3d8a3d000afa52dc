import type { Clock } from '../../async/clock.ts';
import { jsonText } from '../../text/escape.ts';
import { exportChoice } from './export-choice.ts';
import { openOtlpSink } from './otlp-sink.ts';
import { spanDocument } from './span-document.ts';
import { type SpanSink, TraceExport } from './trace-export.ts';

/** What an export is opened with. */
export interface OpenExportOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly warn: (message: string, hint: string) => void;
}

/** The export that the OTEL_* variables ask for; `null`: none. */
export function openExport({ env, clock, warn }: OpenExportOptions): TraceExport | null {
  const choice = exportChoice(env);
  switch (choice.kind) {
    case 'none':
      return null;
    case 'refused':
      warn(`traces are not exported: ${choice.problem}`, choice.hint);
      return null;
    case 'console':
      return new TraceExport({ clock, warn, shown: 'stderr', open: async () => consoleSink });
    case 'otlp':
      return new TraceExport({ clock, warn, shown: choice.shown, open: () => openOtlpSink(choice.protocol, env) });
  }
}

/** Stdout is for data that a command was asked for. */
const consoleSink: SpanSink = {
  async send(spans) {
    for (const span of spans) process.stderr.write(`${jsonText(spanDocument(span))}\n`);
  },
  async close() {},
};
