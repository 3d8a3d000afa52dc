import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Golden, GoldenPoint, StatsDocument } from '../../../api/stats.ts';
import type { Live } from '../../server/live.ts';
import { Chart } from '../../view/chart.tsx';
import { bytes, count, duration, percent, rate } from '../../view/figures.ts';
import { Problem, Section } from '../../view/parts.tsx';
import { seriesOf } from './series.ts';

/** Golden signals of the window, in numbers. */
export function Figures({ total, isTcp }: { readonly total: Golden; readonly isTcp: boolean }): VNode {
  const figures: readonly (readonly [name: string, text: string])[] = [
    [isTcp ? 'connections/s' : 'requests/s', rate(total.rps)],
    ['success', percent(total.successRate)],
    ['failed', count(total.failures)],
    ...(isTcp ? [] : [['4xx', count(total.clientErrors)] as const]),
    ['denied', count(total.denied)],
    ['open', count(total.open)],
    ...(isTcp
      ? []
      : ([
          ['p50', duration(total.p50Ms)],
          ['p95', duration(total.p95Ms)],
          ['p99', duration(total.p99Ms)],
        ] as const)),
    ['received', bytes(total.bytesIn)],
    ['sent', bytes(total.bytesOut)],
  ];
  return (
    <dl class="map-figures">
      {figures.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What they were over the last 15 minutes. */
export function Charts({
  stats: { value, error },
  pointsOf,
  isTcp,
}: {
  readonly stats: Live<StatsDocument>;
  readonly pointsOf: (stats: StatsDocument) => readonly GoldenPoint[];
  readonly isTcp: boolean;
}): VNode {
  const series = useMemo(() => (value === null ? null : seriesOf(value, pointsOf(value), isTcp)), [value, isTcp]);
  return (
    <Section title="The last 15 minutes">
      <Problem error={error} />
      {series === null ? (
        <p class="quiet">Reading …</p>
      ) : (
        <>
          <Chart title={isTcp ? 'Connections/s' : 'Answers/s'} times={series.times} lines={series.answers} format={rate} />
          {series.durations.length === 0 ? null : (
            <Chart title="Duration" times={series.times} lines={series.durations} format={duration} />
          )}
        </>
      )}
    </Section>
  );
}
