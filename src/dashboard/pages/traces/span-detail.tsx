import type { VNode } from 'preact';
import { escapeLine } from '../../../text/escape.ts';
import { hrefOf } from '../../view/address.ts';
import { Fact } from '../../view/facts.tsx';
import { duration, preciseTime } from '../../view/figures.ts';
import { Badge } from '../../view/parts.tsx';
import { useEscape } from '../../view/row-keys.ts';
import { codeOf, eventText, labelOf, marksOf, notesOf, ownText } from './span-words.ts';
import { lengthOf, type SpanNode } from './trace-tree.ts';

/** All that is known of one span. */
export function SpanDetail({
  node,
  startMs,
  zoomed,
  onZoom,
  onClose,
}: {
  readonly node: SpanNode;
  /** Of the trace. */
  readonly startMs: number;
  readonly zoomed: boolean;
  readonly onZoom: () => void;
  readonly onClose: () => void;
}): VNode {
  useEscape(onClose);
  const { span } = node;
  const code = codeOf(span);
  const isClient = span.kind === 'client';
  const rule = span.attributes['mesh.route'];
  const ends: Readonly<Record<string, string>> = isClient ? { from: span.service, to: span.peer } : { to: span.service };
  return (
    <aside class="card detail" aria-label="The span">
      <header>
        <h2>{labelOf(span)}</h2>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </header>
      <p class="detail-state">
        <Badge health={code.health}>{code.text === '–' ? 'no answer' : code.text}</Badge>
        <span class="mono">{escapeLine(span.name)}</span>
      </p>
      {marksOf(span).map(([mark, meaning]) => (
        <p key={mark} class="mark">
          <strong>{mark}</strong>
          {meaning === '' ? '' : ` – ${meaning}`}
        </p>
      ))}
      {notesOf(node).map(note => (
        <p key={note} class="note">
          {escapeLine(note)}
        </p>
      ))}
      <p class="ways">
        {node.children.length === 0 && !zoomed ? null : (
          <button type="button" aria-pressed={zoomed} onClick={onZoom}>
            {zoomed ? 'Whole trace' : 'Zoom to it'}
          </button>
        )}
        {rule === undefined ? null : (
          <a href={hrefOf('traffic', { view: 'routes', name: rule === 'default' ? span.peer : String(rule) })}>Its rule</a>
        )}
        {isClient && code.text === '403' ? <a href={hrefOf('security', ends)}>Access rules</a> : null}
        <a href={hrefOf('requests', ends)}>Live requests</a>
        <a href={hrefOf('map', { name: span.service })}>Map</a>
        <a href={hrefOf('traces', { service: span.service })}>Its traces</a>
      </p>
      <dl class="facts">
        <Fact name="Seen at" value={isClient ? 'the caller’s sidecar' : 'the called sidecar'} />
        <Fact name="Service" value={span.service} />
        <Fact name="Version" value={span.version} />
        <Fact name="Workload" value={span.workload} />
        <Fact name={isClient ? 'Called' : 'Caller’s identity'} value={span.peer || 'unknown'} />
        <Fact
          name="Began"
          value={`${duration(Math.max(0, span.startMs - startMs))} into the trace, ${preciseTime(span.startMs)}`}
        />
        <Fact name="Took" value={duration(span.durationMs)} />
        <Fact name="Of it" value={ownText(node)} />
        <Fact name="Critical" value={criticalText(node)} />
        <Fact name="Span" value={span.spanId} />
        <Fact name="Parent" value={span.parentId ?? 'none'} />
      </dl>
      {span.events.length === 0 ? null : (
        <>
          <h3>Events</h3>
          <ul class="plain-list">
            {span.events.map(event => (
              <li key={`${event.atMs} ${event.attributes['mesh.attempt'] ?? ''}`}>{eventText(event, startMs)}</li>
            ))}
          </ul>
        </>
      )}
      <h3>Attributes</h3>
      <dl class="facts mono">
        {Object.entries(span.attributes).map(([name, value]) => (
          <Fact key={name} name={name} value={String(value)} />
        ))}
      </dl>
    </aside>
  );
}

function criticalText({ critical }: SpanNode): string {
  const ms = lengthOf(critical);
  return ms === 0 ? 'nothing waited for it alone' : `the whole waited ${duration(ms)} for it alone`;
}
