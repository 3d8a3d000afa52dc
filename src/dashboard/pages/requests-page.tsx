import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { TapLine } from '../../api/tap.ts';
import type { StatusDocument } from '../../api/types.ts';
import { harOf } from '../../text/har.ts';
import { useStream } from '../server/live.ts';
import { address, setQuery } from '../view/address.ts';
import { download } from '../view/download.ts';
import { count } from '../view/figures.ts';
import { Badge, Choice, Field, PageHead, Problem } from '../view/parts.tsx';
import { ExchangeDetail } from './requests/exchange-detail.tsx';
import { ExchangeTable } from './requests/exchange-table.tsx';
import { type Entry, TapList } from './requests/tap-list.ts';
import { anything, bodySizes, isNarrowed, oneOf, places, tapPath } from './requests/tap-question.ts';

const mostListed = 500;
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const statuses = ['2xx', '3xx', '4xx', '5xx', '0'];

/** Live requests. Sidecars tell of them while somebody looks, and keep nothing else. */
export function RequestsPage({ status }: { readonly status: StatusDocument | null }): VNode {
  const { query } = address.value;
  const path = tapPath(query);
  const [paused, setPaused] = useState(false);
  const [picked, setPicked] = useState<Entry | null>(null);
  const { list, redraw, take, begin } = useTapList(path);
  const watching = !paused && !list.isSlow;
  const error = useStream<TapLine>(watching ? path : null, take, begin);
  const clear = (): void => {
    list.clear();
    setPicked(null);
    redraw();
  };
  const goOn = (): void => {
    list.isSlow = false;
    redraw();
  };
  const exchanges = list.entries.flatMap(({ line }) => (line.kind === 'exchange' ? [line] : []));
  const save = (): void => {
    const archive = harOf(exchanges, status?.daemon.version ?? '');
    download(`${status?.project ?? 'mesh'}.har`, 'application/json', JSON.stringify(archive, null, 2));
  };
  return (
    <div class="requests">
      <PageHead title="Requests">
        <Badge health={watching && error === null ? 'good' : 'idle'}>
          {watching ? (error === null ? 'live' : 'not live') : 'paused'}
        </Badge>
        <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? 'Resume' : 'Pause'}
        </button>
        <button type="button" onClick={clear} disabled={list.entries.length === 0}>
          Clear
        </button>
        <button type="button" onClick={save} disabled={exchanges.length === 0}>
          Save as HAR
        </button>
      </PageHead>
      <Filters status={status} />
      <Problem error={error} />
      {list.isSlow ? (
        <p class="problem" role="alert">
          <strong>The tap ended: requests were not read as fast as they came.</strong> Ask for less, or{' '}
          <button type="button" onClick={goOn}>
            go on
          </button>
        </p>
      ) : null}
      <p class="quiet listed">
        {count(list.entries.length)} listed{list.isFull ? ' (older ones are gone)' : ''}
        {list.shedCount > 0 ? <Shed list={list} /> : null}
      </p>
      <div class={picked === null ? 'split' : 'split open'}>
        {list.entries.length === 0 ? (
          <Empty status={status} narrowed={isNarrowed(query)} />
        ) : (
          <ExchangeTable entries={list.entries} picked={picked} onPick={setPicked} />
        )}
        {picked === null ? null : <ExchangeDetail line={picked.line} onClose={() => setPicked(null)} />}
      </div>
    </div>
  );
}

/** A list that takes lines as they come and is drawn once a frame. Another question begins another list. */
function useTapList(path: string) {
  const [, draw] = useState(0);
  const list = useRef<{ readonly path: string; readonly list: TapList } | null>(null);
  if (list.current?.path !== path) list.current = { path, list: new TapList(mostListed) };
  const { list: now } = list.current;
  const waiting = useRef<TapLine[]>([]);
  const frame = useRef(0);
  const redraw = (): void => draw(n => n + 1);
  // Lines that wait belong to the question that they answer.
  useEffect(
    () => () => {
      cancelAnimationFrame(frame.current);
      frame.current = 0;
      waiting.current = [];
    },
    [path],
  );
  const take = (line: TapLine): void => {
    waiting.current.push(line);
    // A window that is covered may not be drawn for long.
    if (waiting.current.length > mostListed) now.add(waiting.current.splice(0));
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      now.add(waiting.current.splice(0));
      redraw();
    });
  };
  return { list: now, redraw, take, begin: () => now.begin() };
}

function Filters({ status }: { readonly status: StatusDocument | null }): VNode {
  const { query } = address.value;
  const names = [
    ...new Set([...(status?.workloads ?? []).map(({ service }) => service), ...(status?.gateways ?? []).map(({ name }) => name)]),
  ];
  const field = (label: string, name: string, placeholder: string, list: readonly string[] = []): VNode => (
    <Field
      label={label}
      value={query.get(name) ?? ''}
      placeholder={placeholder}
      {...(list.length > 0 && { list })}
      onChange={value => setQuery({ [name]: value })}
    />
  );
  return (
    <search class="filters">
      {field('From', 'from', 'any', names)}
      {field('To', 'to', 'any', names)}
      {field('Method', 'method', 'any', methods)}
      {field('Path', 'path', '/begins/with')}
      {field('Status', 'status', '5xx', statuses)}
      {field('Header', 'header', 'name: value')}
      <span class="field">
        <span>Seen at</span>
        <Choice
          label="Seen at"
          options={places.map(place => [place, place] as const)}
          value={oneOf(places, query.get('at'))}
          onChange={at => setQuery({ at: at === 'destination' ? '' : at })}
        />
      </span>
      <span class="field">
        <span>Bodies</span>
        <Choice
          label="Bodies"
          options={[
            ['', 'off'],
            ['4096', '4 KiB'],
            ['65536', '64 KiB'],
          ]}
          value={oneOf(bodySizes, query.get('bodies'))}
          onChange={bodies => setQuery({ bodies })}
        />
      </span>
    </search>
  );
}

function Shed({ list }: { readonly list: TapList }): VNode {
  const by = [...list.shed].map(([at, more]) => `${at}: ${more}`).join(', ');
  return (
    <span title={by}> · {count(list.shedCount)} more fitted and were not told: a sidecar tells at most 100 in a second</span>
  );
}

function Empty({ status, narrowed }: { readonly status: StatusDocument | null; readonly narrowed: boolean }): VNode {
  const url = status?.gateways[0]?.url ?? '';
  return (
    <div class="empty">
      <p>{narrowed ? 'Nothing that fits has passed yet.' : 'No request has passed yet.'}</p>
      {narrowed ? (
        <p>
          <button type="button" onClick={() => setQuery(anything)}>
            Show all
          </button>
        </p>
      ) : url === '' ? null : (
        <p>
          Send one: <code>curl {url}</code>
        </p>
      )}
    </div>
  );
}
