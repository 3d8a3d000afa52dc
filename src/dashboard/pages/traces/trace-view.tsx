import type { VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { TraceDocument } from '../../../api/trace.ts';
import { escapeLine, jsonText } from '../../../text/escape.ts';
import type { CallError } from '../../server/call.ts';
import { usePolled } from '../../server/live.ts';
import { address, hrefOf, setQuery } from '../../view/address.ts';
import { download } from '../../view/download.ts';
import { duration } from '../../view/figures.ts';
import { Badge, PageHead, Problem } from '../../view/parts.tsx';
import { SpanDetail } from './span-detail.tsx';
import { serviceColour, statusCode } from './span-words.ts';
import { TraceText } from './trace-text.tsx';
import { endOf, inOrder, type SpanNode, treeOf } from './trace-tree.ts';
import { Waterfall } from './waterfall.tsx';

const everyMs = 2_000;
/** Nothing more is told of a trace that ended so long ago. */
const settledMs = 30_000;
/** Sidecars tell of spans in batches, four times in a second; behind a slow one it takes longer. */
const patienceMs = 6_000;

/** One trace. `id`: of the trace, the beginning of it, or of a request. */
export function TraceView({ id }: { readonly id: string }): VNode {
  const [settled, setSettled] = useState('');
  const { value, error } = usePolled<TraceDocument>(`/v1/traces/${encodeURIComponent(id)}`, settled === id ? null : everyMs);
  useEffect(() => {
    if (value !== null && Date.now() - value.startMs - value.durationMs > settledMs) setSettled(id);
  }, [value, id]);
  if (value === null && error === null)
    return (
      <Head>
        <span class="quiet" role="status">
          Reading the trace …
        </span>
      </Head>
    );
  if (value === null) return <Missing id={id} error={error} />;
  return (
    <>
      <Head>
        <button
          type="button"
          onClick={() => download(`trace-${value.traceId}.json`, 'application/json', `${jsonText(value, 2)}\n`)}
        >
          Save as JSON
        </button>
      </Head>
      {error?.code === 'unreachable' ? <Problem error={error} /> : null}
      <Whole trace={value} />
    </>
  );
}

function Head({ children }: { readonly children?: VNode }): VNode {
  return (
    <PageHead title="Traces">
      {children}
      <a href={hrefOf('traces')}>All traces</a>
    </PageHead>
  );
}

/** It has not come yet, has gone, or its id means several. */
function Missing({ id, error }: { readonly id: string; readonly error: CallError | null }): VNode {
  const [late, setLate] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setLate(id), patienceMs);
    return () => clearTimeout(timer);
  }, [id]);
  const unknown = error?.code === 'unknown-trace';
  if (unknown && late !== id)
    return (
      <>
        <Head />
        <p class="empty" role="status">
          Waiting for the spans of <code>{escapeLine(id)}</code>: sidecars tell of them in batches.
        </p>
      </>
    );
  return (
    <>
      <Head />
      <Problem error={error} />
      {unknown ? (
        <p class="empty">
          It was not sampled, or newer ones have pushed it out: the last 2,000 are kept, as long as the daemon runs. Should it
          come, it is shown here. <a href={hrefOf('traces')}>The last traces</a>
        </p>
      ) : null}
      {error?.code === 'ambiguous-trace' ? (
        <ul class="plain-list">
          {(error.hint.match(/\b[0-9a-f]{32}\b/g) ?? []).map(each => (
            <li key={each}>
              <a class="mono" href={hrefOf('traces', {}, each)}>
                {each}
              </a>
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
}

function Whole({ trace }: { readonly trace: TraceDocument }): VNode {
  const { query } = address.value;
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const roots = useMemo(() => treeOf(trace.hops), [trace]);
  const all = useMemo(() => inOrder(roots, new Set()), [roots]);
  const byId = (spanId: string | null): SpanNode | null => all.find(({ span }) => span.spanId === spanId) ?? null;
  const zoom = byId(query.get('zoom'));
  const picked = byId(query.get('span'));
  const rows = inOrder(zoom === null ? roots : [zoom], closed);
  const within = zoom === null ? all : inOrder([zoom], new Set());
  const startMs = Math.min(...within.map(({ span }) => span.startMs));
  const toggle = (spanId: string): void => {
    const next = new Set(closed);
    if (!next.delete(spanId)) next.add(spanId);
    setClosed(next);
  };
  const code = statusCode(trace.status, false);
  return (
    <>
      <div class="trace-head">
        <h2>
          {escapeLine(trace.service)} <span class="mono">{escapeLine(trace.name)}</span>
        </h2>
        <Badge health={code.health}>{code.text === '–' ? 'no answer' : code.text}</Badge>
        <strong>{duration(trace.durationMs)}</strong>
        {trace.errors > 0 ? <Badge health="bad">{trace.errors} failed</Badge> : null}
        {trace.broken ? <Badge health="warn">torn off</Badge> : null}
        <span class="quiet">
          {trace.spans} {trace.spans === 1 ? 'span' : 'spans'}, {new Date(trace.startMs).toLocaleString('en-GB')}
        </span>
        <span class="quiet mono">trace {escapeLine(trace.traceId)}</span>
        <span class="quiet mono">request {escapeLine(trace.requestId)}</span>
      </div>
      {trace.notes.map(note => (
        <p key={note} class="note">
          <TraceText text={note} />
        </p>
      ))}
      <p class="legend quiet">
        {trace.services.map(service => (
          <span key={service}>
            <i class="swatch" style={{ background: `var(${serviceColour(service, trace.services)})` }} /> {escapeLine(service)}
          </span>
        ))}
        <span>full: own time, pale: waits for what it called, line: the whole waits for it</span>
        {zoom === null ? null : (
          <button type="button" onClick={() => setQuery({ zoom: '' })}>
            Whole trace
          </button>
        )}
      </p>
      <div class={picked === null ? 'split' : 'split open'}>
        <Waterfall
          rows={rows}
          range={[startMs, Math.max(...within.map(({ span }) => endOf(span)))]}
          startMs={trace.startMs}
          services={trace.services}
          closed={closed}
          picked={picked?.span.spanId ?? ''}
          onPick={span => setQuery({ span })}
          onToggle={toggle}
        />
        {picked === null ? null : (
          <SpanDetail
            node={picked}
            startMs={trace.startMs}
            zoomed={zoom === picked}
            onZoom={() => setQuery({ zoom: zoom === picked ? '' : picked.span.spanId })}
            onClose={() => setQuery({ span: '' })}
          />
        )}
      </div>
    </>
  );
}
