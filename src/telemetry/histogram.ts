/** Upper bounds of all of Istio's histograms, durations in ms and sizes in bytes alike; the last bucket is +Inf. */
export const bucketBounds: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];

const bounds = Float64Array.from([...bucketBounds, Number.POSITIVE_INFINITY]);

/** Values counted per bucket. */
export class Histogram {
  /** Not cumulative; one more than `bucketBounds`. */
  readonly buckets: Float64Array = new Float64Array(bounds.length);
  sum = 0;

  record(value: number): void {
    let i = 0;
    // Nearly all values fall into the first few buckets: counting up beats a binary search.
    while (value > (bounds[i] ?? value)) i++;
    this.buckets[i] = (this.buckets[i] ?? 0) + 1;
    this.sum += value;
  }
}
