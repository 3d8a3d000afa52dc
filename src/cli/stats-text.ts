import type { EdgeStats, Golden, RouteStats, ServiceStats, TrafficEnd } from '../api/stats.ts';
import { escapeLine } from '../text/escape.ts';
import type { Output } from './output.ts';
import { table } from './table.ts';

type Paint = Pick<Output, 'paint'>;

const figuresHeader = ['SUCCESS', 'RPS', 'P50', 'P95', 'P99', 'OPEN', 'DENIED'];

/** Golden signals per version of each service. */
export function servicesText(services: readonly ServiceStats[], output: Paint): readonly string[] {
  const rows = services.map(({ name, version, kind, total }) => [
    escapeLine(name),
    escapeLine(version) || '-',
    kind,
    ...figures(total, output),
  ]);
  return table(['SERVICE', 'VERSION', 'KIND', ...figuresHeader], rows);
}

/** Golden signals per edge. */
export function edgeStatsText(edges: readonly EdgeStats[], output: Paint): readonly string[] {
  const rows = edges.map(({ source, destination, protocol, total }) => [
    endName(source),
    endName(destination),
    protocol,
    ...figures(total, output),
  ]);
  return table(['SOURCE', 'DESTINATION', 'PROTOCOL', ...figuresHeader], rows);
}

/** Who talks to whom, and whether each knows who the other is. */
export function edgesText(edges: readonly EdgeStats[], output: Paint): readonly string[] {
  const rows = edges.map(({ source, destination, protocol, secured, total }) => [
    endName(source),
    endName(destination),
    protocol,
    secured === null ? '-' : secured ? output.paint('green', 'mTLS') : output.paint('yellow', 'no'),
    identity(source),
    identity(destination),
    success(total, output),
    rate(total.rps),
    denied(total, output),
  ]);
  return table(['SOURCE', 'DESTINATION', 'PROTOCOL', 'SECURED', 'CLIENT', 'SERVER', 'SUCCESS', 'RPS', 'DENIED'], rows);
}

/** What each rule took; a line for each place that it sends requests to. */
export function routesText(routes: readonly RouteStats[], output: Paint): readonly string[] {
  const rows = routes.flatMap(({ service, rule, inForce, hits, failures, destinations }) => {
    const name = `${escapeLine(rule)}${inForce ? '' : output.paint('dim', ' (gone)')}`;
    const first = [escapeLine(service), name, String(hits), failures === 0 ? '0' : output.paint('red', String(failures))];
    if (destinations.length === 0) return [[...first, '-', '-', '-']];
    return destinations.map((to, index) => [
      ...(index === 0 ? first : ['', '', '', '']),
      endName({ name: to.service, version: to.version }),
      to.share === null ? '-' : percent(to.share),
      to.intended === null ? '-' : percent(to.intended),
    ]);
  });
  return table(['SERVICE', 'RULE', 'HITS', 'FAILED', 'DESTINATION', 'SHARE', 'INTENDED'], rows);
}

/** `reviews@v2` */
function endName({ name, version }: Pick<TrafficEnd, 'name' | 'version'>): string {
  return escapeLine(version === '' ? name : `${name}@${version}`);
}

/** `99.5%`; of no requests `-`. */
export function success({ successRate }: Pick<Golden, 'successRate'>, output: Paint): string {
  if (successRate === null) return '-';
  return output.paint(successRate < 0.9 ? 'red' : successRate < 0.99 ? 'yellow' : 'green', percent(successRate));
}

/** Requests per second. */
export function rate(rps: number): string {
  return rps === 0 ? '-' : rps < 10 ? rps.toFixed(2) : rps.toFixed(1);
}

/** `8ms`, `1.25s` */
export function milliseconds(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 1) return '<1ms';
  return ms < 1_000 ? `${Math.round(ms)}ms` : `${(ms / 1_000).toFixed(2)}s`;
}

function figures(total: Golden, output: Paint): readonly string[] {
  const { rps, p50Ms, p95Ms, p99Ms, open } = total;
  return [
    success(total, output),
    rate(rps),
    milliseconds(p50Ms),
    milliseconds(p95Ms),
    milliseconds(p99Ms),
    open === 0 ? '-' : String(open),
    denied(total, output),
  ];
}

function denied(total: Golden, output: Paint): string {
  return total.denied === 0 ? '-' : output.paint('red', String(total.denied));
}

/** Rounded towards what is not perfect: one failure in ten thousand is no 100 %. */
function percent(share: number): string {
  const shown = share < 1 && share > 0.999 ? 99.9 : share * 100;
  return `${shown.toFixed(1)}%`;
}

/** `default/reviews`: without what all identities of a mesh have in common. */
function identity({ principal }: TrafficEnd): string {
  if (principal === null) return '-';
  const [, namespace, account] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(principal) ?? [];
  return escapeLine(namespace === undefined ? principal : `${namespace}/${account}`);
}
