import type { VNode } from 'preact';
import type { TracesDocument } from '../../../api/trace.ts';
import { escapeLine } from '../../../text/escape.ts';
import { usePolled } from '../../server/live.ts';
import { hrefOf } from '../../view/address.ts';
import { duration, time } from '../../view/figures.ts';
import { healthOfStatus } from '../../view/health.ts';
import { Badge, Problem, Section } from '../../view/parts.tsx';

const askFor = 40;
const show = 10;

/** The last requests in which all of the services took part, each with its trace. */
export function Recent({ services, everyMs }: { readonly services: readonly string[]; readonly everyMs: number }): VNode {
  const path = `/v1/traces?${new URLSearchParams({ service: services[0] ?? '', limit: String(askFor) })}`;
  const { value, error } = usePolled<TracesDocument>(path, everyMs);
  const traces = value?.traces.filter(trace => services.every(name => trace.services.includes(name))).slice(0, show);
  const [from, to] = services.length > 1 ? services : ['', services[0]];
  return (
    <Section title="Recent requests">
      <Problem error={error} />
      {traces === undefined ? (
        <p class="quiet">Reading …</p>
      ) : traces.length === 0 ? (
        <p class="quiet">No trace of it is kept. Send a request and look again.</p>
      ) : (
        <ul class="map-recent">
          {traces.map(({ traceId, startMs, name, status, errors, durationMs }) => (
            <li key={traceId}>
              <span class="quiet">{time(startMs)}</span>
              <a href={hrefOf('traces', {}, traceId)}>{escapeLine(name)}</a>
              <Badge health={healthOfStatus(status, errors > 0)}>{status === 0 ? 'no answer' : status}</Badge>
              <span class="number">{duration(durationMs)}</span>
            </li>
          ))}
        </ul>
      )}
      <a href={hrefOf('requests', { from: from ?? '', to: to ?? '' })}>Watch them live</a> ·{' '}
      <a href={hrefOf('traces', { service: to ?? '', status: 'error' })}>Failed traces</a>
    </Section>
  );
}
