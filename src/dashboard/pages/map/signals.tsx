import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Golden, GoldenPoint, StatsDocument } from '../../../api/stats.ts';
import type { Live } from '../../server/live.ts';
import { bytes, count, duration, percent, rate } from '../../view/figures.ts';
import { GoldenCharts } from '../../view/golden-charts.tsx';
import { Problem, Section } from '../../view/parts.tsx';

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

/** What they were over the last 15 minutes, whatever moment the map shows. */
export function Charts({
  stats: { value, error },
  pointsOf,
}: {
  readonly stats: Live<StatsDocument>;
  readonly pointsOf: (stats: StatsDocument) => readonly GoldenPoint[];
}): VNode {
  const stretch = useMemo(
    () =>
      value && {
        points: pointsOf(value),
        fromMs: Date.parse(value.from),
        toMs: Date.parse(value.to),
        stepMs: value.stepMs ?? 1_000,
      },
    [value],
  );
  return (
    <Section title="The last 15 minutes">
      <Problem error={error} />
      {stretch === null ? <p class="quiet">Reading …</p> : <GoldenCharts {...stretch} />}
    </Section>
  );
}
