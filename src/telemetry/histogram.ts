/** Upper bounds in ms of Istio's duration histogram; the last bucket is +Inf. */
export const durationBounds: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];

const bounds = Float64Array.from([...durationBounds, Number.POSITIVE_INFINITY]);

/** Durations in ms, counted per bucket. */
export class Histogram {
  /** Not cumulative; one more than `durationBounds`. */
  readonly buckets: Float64Array = new Float64Array(bounds.length);
  sum = 0;

  record(ms: number): void {
    let i = 0;
    // Nearly all answers fall into the first few buckets: counting up beats a binary search.
    while (ms > (bounds[i] ?? ms)) i++;
    this.buckets[i] = (this.buckets[i] ?? 0) + 1;
    this.sum += ms;
  }
}
