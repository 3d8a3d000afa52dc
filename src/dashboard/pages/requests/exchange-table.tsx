import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { escapeLine } from '../../../text/escape.ts';
import { hrefOf } from '../../view/address.ts';
import { bytes, duration, preciseTime } from '../../view/figures.ts';
import { Badge } from '../../view/parts.tsx';
import { pickByKey } from '../../view/row-keys.ts';
import { calledOf, callerOf, healthOf, requestOf, statusOf } from './exchange-words.ts';
import type { Entry } from './tap-list.ts';

interface Drawn {
  readonly picked: boolean;
  readonly first: boolean;
  readonly row: VNode;
}

/** Live requests, the newest first. A row is made once, and again only when it is picked: a hundred of them may come in a second. */
export function ExchangeTable({
  entries,
  picked,
  onPick,
  onAim,
}: {
  readonly entries: readonly Entry[];
  readonly picked: Entry | null;
  readonly onPick: (entry: Entry) => void;
  /** The pointer moves over it. */
  readonly onAim: () => void;
}): VNode {
  const drawn = useRef(new WeakMap<Entry, Drawn>());
  const pick = useRef(onPick);
  pick.current = onPick;
  const stop = picked !== null && entries.includes(picked) ? picked : entries[0];
  return (
    <div class="tap-list">
      <table>
        <caption class="unseen">Live requests, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">Started</th>
            <th scope="col">From → to</th>
            <th scope="col">Request</th>
            <th scope="col">Status</th>
            <th scope="col" class="number">
              Time
            </th>
            <th scope="col" class="number wide">
              In / out
            </th>
            <th scope="col" class="wide">
              Rule
            </th>
            <th scope="col">Trace</th>
          </tr>
        </thead>
        <tbody onKeyDown={pickByKey} onPointerMove={onAim}>
          {entries.map(entry => {
            const known = drawn.current.get(entry);
            const isPicked = entry === picked;
            const isFirst = entry === stop;
            if (known?.picked === isPicked && known.first === isFirst) return known.row;
            const row = rowOf(entry, isPicked, isFirst, () => pick.current(entry));
            drawn.current.set(entry, { picked: isPicked, first: isFirst, row });
            return row;
          })}
        </tbody>
      </table>
    </div>
  );
}

/** `isStop`: the Tab key stops at it. */
function rowOf({ key, line, afterGap }: Entry, isPicked: boolean, isStop: boolean, pick: () => void): VNode {
  const ends = `${callerOf(line)} → ${calledOf(line)}`;
  const request = requestOf(line);
  const rule = line.kind === 'exchange' ? escapeLine(line.rule) : '';
  const traceId = line.kind === 'exchange' ? line.traceId : null;
  const isOpen = line.kind === 'connection' && line.phase === 'opened';
  return (
    <tr key={key} class={`pick ${afterGap ? 'gap' : ''}`} aria-selected={isPicked} onClick={pick}>
      <td class="mono">
        <button type="button" class="plain row" tabIndex={isStop ? 0 : -1}>
          {preciseTime(line.startMs)}
        </button>
        {afterGap ? <span class="unseen"> not watched before it</span> : null}
      </td>
      <td title={ends}>{ends}</td>
      <td class="mono" title={request}>
        {request}
      </td>
      <td>
        {line.kind === 'exchange' ? <Badge health={healthOf(line)}>{statusOf(line)}</Badge> : null}
        {line.flag === '-' ? null : <span class="flag"> {escapeLine(line.flag)}</span>}
      </td>
      <td class="number">{isOpen ? '' : duration(line.durationMs)}</td>
      <td class="number wide">{isOpen ? '' : `${bytes(line.bytesReceived)} / ${bytes(line.bytesSent)}`}</td>
      <td class="wide" title={rule}>
        {rule}
      </td>
      <td class="mono">
        {traceId === null ? null : (
          <a
            href={hrefOf('traces', {}, traceId)}
            tabIndex={-1}
            aria-label={`trace ${traceId.slice(0, 8)}`}
            onClick={event => event.stopPropagation()}
          >
            {escapeLine(traceId.slice(0, 8))}
          </a>
        )}
      </td>
    </tr>
  );
}
