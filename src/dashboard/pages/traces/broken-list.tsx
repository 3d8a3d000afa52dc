import type { VNode } from 'preact';
import type { BrokenPropagation, BrokenPropagationDocument } from '../../../api/trace.ts';
import { escapeLine } from '../../../text/escape.ts';
import type { Live } from '../../server/live.ts';
import { preciseTime } from '../../view/figures.ts';
import { Badge, Problem, Section } from '../../view/parts.tsx';
import { TraceLink } from './trace-text.tsx';

const passedOn = ['traceparent', 'tracestate', 'b3', 'x-request-id'];

/** Services that call on without the trace context that they were given, and what to do about it. */
export function BrokenList({ value, error }: Live<BrokenPropagationDocument>): VNode {
  const services = value?.services ?? [];
  return (
    <>
      <Problem error={error} />
      {value === null ? error === null && <p class="empty">Reading …</p> : null}
      {value !== null && services.length === 0 ? (
        <p class="empty">No service was seen to lose trace context.</p>
      ) : (
        services.map(each => <Broken key={`${each.service} ${each.to}`} found={each} />)
      )}
      {services.length === 0 ? null : (
        <Section title="What to do">
          <p>
            A sidecar cannot know which of the requests that an app serves a call of it is made for. Let the app copy these
            headers from the request that it serves to the calls that it makes for it:
          </p>
          <ul class="plain-list mono">
            {passedOn.map(name => (
              <li key={name}>{name}</li>
            ))}
          </ul>
          <p>
            OpenTelemetry’s instrumentation of its language does so by itself. With <code>propagation: [b3-multi]</code> in{' '}
            <code>mesh.yaml</code> it is the headers that begin with <code>x-b3-</code>. Twenty calls in a row that pass the
            context on, and a service is no longer listed.
          </p>
        </Section>
      )}
    </>
  );
}

function Broken({ found }: { readonly found: BrokenPropagation }): VNode {
  const { service, to, verdict, alone, among, idle, kept, evidence } = found;
  const counted = [
    [alone, 'while it served one request'],
    [among, 'while it served several'],
    [idle, 'while it served none'],
    [kept, 'with context'],
  ] as const;
  return (
    <section class="card broken">
      <h2>
        {escapeLine(service)} {verdict === 'does' ? 'does not pass on' : 'may not pass on'} the trace context when it calls{' '}
        {escapeLine(to)}
      </h2>
      <Badge health={verdict === 'does' ? 'bad' : 'warn'}>{verdict === 'does' ? 'certain' : 'possible'}</Badge>
      <dl class="facts">
        <dt>Calls</dt>
        <dd>{counted.flatMap(([n, what]) => (n === 0 ? [] : [`${n} ${what}`])).join(', ')}</dd>
        <dt>Last</dt>
        <dd>
          {preciseTime(evidence.atMs)} {escapeLine(evidence.workload)}: <span class="mono">{escapeLine(evidence.call)}</span>{' '}
          began <TraceLink id={evidence.callTraceId} />
          {evidence.traceId === null ? null : (
            <>
              , part of <TraceLink id={evidence.traceId} />
            </>
          )}
        </dd>
      </dl>
    </section>
  );
}
