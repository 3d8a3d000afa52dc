import type { VNode } from 'preact';
import { escapeLine } from '../../../text/escape.ts';
import { duration } from '../../view/figures.ts';
import { Badge } from '../../view/parts.tsx';
import { pickByKey } from '../../view/row-keys.ts';
import { codeOf, eventText, labelOf, marksOf, serviceColour } from './span-words.ts';
import { endOf, type SpanNode, type Stretch } from './trace-tree.ts';

const indentPx = 14;
/** A loop between services is no deeper to read. */
const maxIndents = 14;
const ticks = [0, 0.25, 0.5, 0.75];

/** What a waterfall is drawn from. */
export interface WaterfallProps {
  readonly rows: readonly SpanNode[];
  /** What the lane spans. */
  readonly range: Stretch;
  /** Of the trace, ms since epoch. */
  readonly startMs: number;
  readonly services: readonly string[];
  /** Ids of spans whose children are not shown. */
  readonly closed: ReadonlySet<string>;
  readonly picked: string;
  readonly onPick: (spanId: string) => void;
  readonly onToggle: (spanId: string) => void;
}

/** Spans as a table, each with its time on a common lane. */
export function Waterfall(props: WaterfallProps): VNode {
  const { rows, range, startMs, picked } = props;
  const [from, to] = range;
  const stop = rows.find(({ span }) => span.spanId === picked) ?? rows[0];
  return (
    <div class="waterfall">
      <table>
        <caption class="unseen">Spans, each below what called it</caption>
        <thead>
          <tr>
            <th scope="col">Hop</th>
            <th scope="col">Request</th>
            <th scope="col">Code</th>
            <th scope="col" class="number">
              Time
            </th>
            <th scope="col" class="lane">
              <span class="unseen">When</span>
              {ticks.map(share => (
                <span key={share} class="tick" style={{ left: `${share * 100}%` }}>
                  {duration(Math.max(0, from - startMs) + share * (to - from))}
                </span>
              ))}
            </th>
          </tr>
        </thead>
        <tbody
          onKeyDown={event => {
            pickByKey(event);
            toggleByKey(event, props);
          }}
        >
          {rows.map((node, index) => (
            // Spans of other programs may have the id of one of ours.
            <Row key={`${index}-${node.span.spanId}`} node={node} isStop={node === stop} {...props} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Left closes what is open, right opens what is closed. */
function toggleByKey(event: KeyboardEvent, { picked, closed, onToggle }: WaterfallProps): void {
  if ((event.key === 'ArrowLeft' && !closed.has(picked)) || (event.key === 'ArrowRight' && closed.has(picked))) onToggle(picked);
}

function Row({ node, isStop, ...props }: WaterfallProps & { readonly node: SpanNode; readonly isStop: boolean }): VNode {
  const { services, closed, picked, onPick, onToggle, startMs } = props;
  const { span, depth, children, placed, parent } = node;
  const code = codeOf(span);
  const isClosed = closed.has(span.spanId);
  const colour = `var(${serviceColour(span.service, services)})`;
  const odd = placed === 'time' || (placed === 'torn' && parent === null);
  return (
    <tr class="pick" aria-selected={span.spanId === picked} onClick={() => onPick(span.spanId)}>
      <td title={labelOf(span)}>
        <div class="hop" style={{ paddingLeft: `${Math.min(depth, maxIndents) * indentPx}px` }}>
          {children.length === 0 ? (
            <span class="fold" />
          ) : (
            <button
              type="button"
              class="plain fold"
              tabIndex={-1}
              aria-expanded={!isClosed}
              aria-label={`what ${labelOf(span)} called`}
              onClick={event => {
                event.stopPropagation();
                onToggle(span.spanId);
              }}
            >
              {isClosed ? '▸' : '▾'}
            </button>
          )}
          <i class="swatch" style={{ background: colour }} />
          <button type="button" class="plain row" tabIndex={isStop ? 0 : -1}>
            {labelOf(span)}
          </button>
          {odd ? <span class="quiet">?</span> : null}
        </div>
      </td>
      <td class="mono" title={escapeLine(span.name)}>
        {escapeLine(span.name)}
      </td>
      <td>
        <Badge health={code.health}>{code.text}</Badge>
        {marksOf(span).map(([mark, meaning]) => (
          <span key={mark} class="flag" title={meaning}>
            {' '}
            {mark}
          </span>
        ))}
        {span.events.length === 0 ? null : (
          <span class="flag" title={span.events.map(event => eventText(event, startMs)).join('\n')}>
            {' '}
            {span.events.length} {span.events.length === 1 ? 'retry' : 'retries'}
          </span>
        )}
      </td>
      <td class="number">{duration(span.durationMs)}</td>
      <td class="lane">
        <Lane node={node} colour={colour} range={props.range} />
      </td>
    </tr>
  );
}

/** Pale where it waited for what it called, full where it did not; a line below where the whole waited for it. */
function Lane({
  node: { span, own, critical },
  colour,
  range: [from, to],
}: {
  readonly node: SpanNode;
  readonly colour: string;
  readonly range: Stretch;
}): VNode {
  const whole = Math.max(to - from, 0.001);
  const place = ([first, last]: Stretch): Readonly<Record<string, string>> | null => {
    const [left, right] = [Math.max(0, (first - from) / whole), Math.min(1, (last - from) / whole)];
    return right < 0 || left > 1 ? null : { left: `${left * 100}%`, width: `${Math.max(0, right - left) * 100}%` };
  };
  const mark = (name: string, stretch: Stretch, key: string): VNode | null => {
    const style = place(stretch);
    return style === null ? null : <i key={key} class={name} style={style} />;
  };
  const bar = place([span.startMs, endOf(span)]);
  return (
    <div class={`bar-place ${span.error ? 'failed' : ''}`} style={{ '--hue': colour }} aria-hidden="true">
      {bar === null ? null : <i class="bar" style={bar} />}
      {own.map((stretch, index) => mark('own', stretch, `own-${index}`))}
      {critical.map((stretch, index) => mark('critical', stretch, `critical-${index}`))}
      {span.events.map((event, index) => mark('retry', [event.atMs, event.atMs], `retry-${index}`))}
    </div>
  );
}
