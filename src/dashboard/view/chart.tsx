import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { time } from './figures.ts';
import { themeColour, useTheme } from './theme.ts';

/** One line of a chart. */
export interface Line {
  readonly label: string;
  /** Of the palette in style/colours.css: `--series-1`, `--bad` … */
  readonly colour: string;
  /** A value for each time; `null` leaves a gap. */
  readonly values: readonly (number | null)[];
}

/** What a chart shows. */
export interface ChartProps {
  readonly title: string;
  /** Ends of the steps, ms since epoch, ascending. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  /** Of a value, on the axis and in the legend. */
  readonly format: (value: number) => string;
  readonly height?: number;
}

/** Lines over time; what they say last is in the text beside the title, for those who do not see them. */
export function Chart({ title, times, lines, format, height = 120 }: ChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const shape = lines.map(({ label, colour }) => `${label} ${colour}`).join('|');
  // The plot is made anew when what it is made of changes; new values go into the one there is.
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const axis = { stroke: themeColour('--quiet'), grid: { stroke: themeColour('--line'), width: 1 }, ticks: { show: false } };
    const made = new uPlot(
      {
        width: element.clientWidth || 300,
        height,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
        axes: [
          { ...axis, size: 26, space: 80, values: (_, seconds) => seconds.map(each => time(each * 1_000)) },
          { ...axis, size: 62, values: (_, values) => values.map(value => format(value)) },
        ],
        series: [
          {},
          ...lines.map(({ label, colour }) => ({ label, stroke: themeColour(colour), width: 1.5, points: { show: false } })),
        ],
      },
      dataOf(times, lines),
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, theme, height]);
  useEffect(() => plot.current?.setData(dataOf(times, lines)), [times, lines]);
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        {lines.map(({ label, colour, values }) => {
          const last = values.findLast(value => value !== null) ?? null;
          return (
            <span key={label}>
              <i class="swatch" style={{ background: `var(${colour})` }} /> {label} {last === null ? '–' : format(last)}
            </span>
          );
        })}
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

function dataOf(times: readonly number[], lines: readonly Line[]): uPlot.AlignedData {
  return [times.map(ms => ms / 1_000), ...lines.map(({ values }) => [...values])];
}
