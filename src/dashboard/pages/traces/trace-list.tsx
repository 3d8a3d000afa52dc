import type { VNode } from 'preact';
import type { TraceSummary, TracesDocument } from '../../../api/trace.ts';
import type { StatusDocument } from '../../../api/types.ts';
import { escapeLine } from '../../../text/escape.ts';
import { usePolled } from '../../server/live.ts';
import { address, hrefOf, setQuery } from '../../view/address.ts';
import { count, duration, preciseTime } from '../../view/figures.ts';
import { Badge, Choice, Problem } from '../../view/parts.tsx';
import { namesOf, QueryField } from '../../view/query-field.tsx';
import { type Column, Table } from '../../view/table.tsx';
import { statusCode } from './span-words.ts';

const everyMs = 3_000;
const limit = 100;
const statuses = ['error', '5xx', '4xx', '2xx', '0'];
const filters = ['service', 'status', 'minMs'] as const;

/** The last traces, the newest first. */
export function TraceList({ status }: { readonly status: StatusDocument | null }): VNode {
  const { query } = address.value;
  const { value, error } = usePolled<TracesDocument>(tracesPath(query), everyMs);
  const traces = value?.traces ?? [];
  const longest = Math.max(...traces.map(({ durationMs }) => durationMs));
  return (
    <>
      <search class="filters">
        <QueryField label="Service" name="service" placeholder="any" list={namesOf(status)} />
        <QueryField label="Status" name="status" placeholder="5xx, error" list={statuses} />
        <QueryField label="Least ms" name="minMs" placeholder="0" />
        <Choice
          label="Which"
          options={[
            ['', 'All'],
            ['yes', 'Torn off'],
          ]}
          value={query.get('torn') === 'yes' ? 'yes' : ''}
          onChange={torn => setQuery({ torn })}
        />
      </search>
      <Problem error={error} />
      {value === null ? (
        error === null && <p class="empty">Reading the last traces …</p>
      ) : (
        <div class="card">
          <Table
            caption="The last traces"
            columns={columnsOf(longest)}
            rows={traces}
            keyOf={({ traceId }) => traceId}
            empty={<Empty status={status} kept={value.kept} />}
          />
          <p class="quiet listed">
            {count(traces.length)}
            {traces.length === limit ? ', the newest that fit,' : ''} of {count(value.kept)} that are kept
            {value.dropped > 0 ? ` · ${count(value.dropped)} spans were lost on their way` : ''}
          </p>
        </div>
      )}
    </>
  );
}

function tracesPath(query: URLSearchParams): string {
  const asked = new URLSearchParams({ limit: String(limit) });
  for (const name of filters) {
    const value = query.get(name) ?? '';
    if (value !== '') asked.set(name, value);
  }
  if (query.get('torn') === 'yes') asked.set('broken', 'true');
  return `/v1/traces?${asked}`;
}

function columnsOf(longestMs: number): readonly Column<TraceSummary>[] {
  return [
    {
      title: 'Started',
      by: ({ startMs }) => startMs,
      cell: ({ startMs }) => <span class="mono moment">{preciseTime(startMs)}</span>,
    },
    { title: 'From', by: ({ service }) => service, cell: ({ service }) => escapeLine(service) },
    {
      title: 'Request',
      by: ({ name }) => name,
      cell: ({ traceId, name, broken }) => (
        <>
          <a class="mono" href={hrefOf('traces', {}, traceId)}>
            {escapeLine(name)}
          </a>{' '}
          {broken ? <Badge health="warn">torn off</Badge> : null}
        </>
      ),
    },
    {
      title: 'Code',
      by: ({ status }) => status,
      cell: ({ status }) => {
        const { text, health } = statusCode(status, false);
        return <Badge health={health}>{text}</Badge>;
      },
    },
    {
      title: 'Time',
      number: true,
      by: ({ durationMs }) => durationMs,
      cell: ({ durationMs }) => (
        <span class="time-cell">
          <span class="time-bar" aria-hidden="true">
            <i style={{ width: `${(durationMs / Math.max(longestMs, 0.001)) * 100}%` }} />
          </span>
          <span class="time-text">{duration(durationMs)}</span>
        </span>
      ),
    },
    { title: 'Spans', number: true, by: ({ spans }) => spans, cell: ({ spans }) => spans },
    {
      title: 'Failed',
      number: true,
      by: ({ errors }) => errors,
      cell: ({ errors }) => (errors === 0 ? <span class="quiet">0</span> : <Badge health="bad">{errors}</Badge>),
    },
    { title: 'Services', cell: ({ services }) => escapeLine(services.join(' → ')) },
  ];
}

function Empty({ status, kept }: { readonly status: StatusDocument | null; readonly kept: number }): VNode {
  const url = status?.gateways[0]?.url ?? '';
  if (kept > 0)
    return (
      <>
        None of the {kept} traces that are kept fits.{' '}
        <button type="button" onClick={() => setQuery({ service: '', status: '', minMs: '', torn: '' })}>
          Show all
        </button>
      </>
    );
  return <>No trace yet.{url === '' ? '' : [' Send a request: ', <code key="curl">curl {url}</code>]}</>;
}
