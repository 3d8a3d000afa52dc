import { counterText, histogramText, labels } from './exposition.ts';
import { Histogram } from './histogram.ts';

/** What came of asking: its yes, its no, or no answer, which refuses (`error`) or lets through (`failed_open`). */
export type AuthorizerResult = 'allowed' | 'denied' | 'error' | 'failed_open';

/** Questions to one external authorizer. */
export class AuthorizerCounters {
  readonly durations: Histogram = new Histogram();
  readonly results = new Map<AuthorizerResult, number>();

  /** Counts a question that took so many ms. */
  count(result: AuthorizerResult, durationMs: number): void {
    this.results.set(result, (this.results.get(result) ?? 0) + 1);
    this.durations.record(durationMs);
  }
}

/** Prometheus text exposition of authorizers by name; empty where nobody was asked. */
export function authorizerText(counters: ReadonlyMap<string, AuthorizerCounters>): string {
  const asked = [...counters].filter(([, { results }]) => results.size > 0);
  if (asked.length === 0) return '';
  return (
    counterText(
      'mesh_authorizer_requests_total',
      'Questions to external authorizers.',
      asked.flatMap(([authorizer, { results }]) =>
        [...results].map(([result, count]) => [labels({ authorizer, result }), count] as const),
      ),
    ) +
    histogramText(
      'mesh_authorizer_duration_milliseconds',
      'Time that external authorizers took, in ms.',
      asked.map(([authorizer, { durations }]) => [labels({ authorizer }), durations]),
    )
  );
}
