import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { alongTime, type Stretch } from './along-time.ts';
import { Chart } from './chart.tsx';
import { duration, rate } from './figures.ts';

/** Rate, failures and percentiles over time. A step without calls is a rate of zero and a gap in the percentiles. */
export function GoldenCharts({ points, fromMs, toMs, stepMs }: Stretch): VNode {
  const { times, at } = useMemo(() => alongTime({ points, fromMs, toMs, stepMs }), [points, fromMs, toMs, stepMs]);
  const rates = useMemo(() => {
    const of = (field: 'requests' | 'failures' | 'clientErrors' | 'denied') =>
      at.map(point => (point === null ? 0 : point[field] / (stepMs / 1_000)));
    return [
      { label: 'requests', colour: '--series-1', values: of('requests') },
      { label: 'failed', colour: '--bad', values: of('failures') },
      { label: '4xx', colour: '--warn', values: of('clientErrors') },
      { label: 'denied', colour: '--denied', values: of('denied') },
    ];
  }, [at, stepMs]);
  const latencies = useMemo(() => {
    const of = (field: 'p50Ms' | 'p95Ms' | 'p99Ms') => at.map(point => point?.[field] ?? null);
    return [
      { label: 'p50', colour: '--series-4', values: of('p50Ms') },
      { label: 'p95', colour: '--series-2', values: of('p95Ms') },
      { label: 'p99', colour: '--series-3', values: of('p99Ms') },
    ];
  }, [at]);
  return (
    <div class="golden-charts">
      <Chart title="Per second" times={times} lines={rates} format={rate} />
      <Chart title="Duration" times={times} lines={latencies} format={duration} />
    </div>
  );
}
