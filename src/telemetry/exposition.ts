/** Prometheus text exposition format 0.0.4. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
import { bucketBounds, type Histogram } from './histogram.ts';

/** A value with its labels, as `labels` makes them. */
export type Sample = readonly [labels: string, value: number];

/** `name="value",…` of the pairs, escaped, for use between the braces of a sample. */
export function labels(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, c => (c === '\n' ? '\\n' : `\\${c}`))}"`)
    .join(',');
}

/** Lines of a counter's samples, with its head. */
export function counterText(name: string, help: string, samples: Iterable<Sample>): string {
  return family(name, 'counter', help, samples);
}

/** Lines of a gauge's samples, with its head. */
export function gaugeText(name: string, help: string, samples: Iterable<Sample>): string {
  return family(name, 'gauge', help, samples);
}

function family(name: string, type: 'counter' | 'gauge', help: string, samples: Iterable<Sample>): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  for (const [set, value] of samples) text += `${name}${set === '' ? '' : `{${set}}`} ${value}\n`;
  return text;
}

/** Lines of a histogram's samples, with its head. */
export function histogramText(
  name: string,
  help: string,
  samples: Iterable<readonly [labels: string, value: Histogram]>,
): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`;
  for (const [set, histogram] of samples) {
    let total = 0;
    histogram.buckets.forEach((count, i) => {
      total += count;
      text += `${name}_bucket{${set},le="${bucketBounds[i] ?? '+Inf'}"} ${total}\n`;
    });
    text += `${name}_sum{${set}} ${histogram.sum}\n${name}_count{${set}} ${total}\n`;
  }
  return text;
}
