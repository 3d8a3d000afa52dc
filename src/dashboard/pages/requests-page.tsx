import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { TapLine } from '../../api/tap.ts';
import type { StatusDocument } from '../../api/types.ts';
import { harOf } from '../../text/har.ts';
import { useStream } from '../server/live.ts';
import { address, setQuery } from '../view/address.ts';
import { download } from '../view/download.ts';
import { count } from '../view/figures.ts';
import { Badge, PageHead, Problem } from '../view/parts.tsx';
import { ExchangeDetail } from './requests/exchange-detail.tsx';
import { ExchangeTable } from './requests/exchange-table.tsx';
import { useHold, useTapList } from './requests/live-list.ts';
import { TapFilters } from './requests/tap-filters.tsx';
import type { Entry, TapList } from './requests/tap-list.ts';
import { anything, isNarrowed, tapPath } from './requests/tap-question.ts';

/** Live requests. Sidecars tell of them while somebody looks, and keep nothing else. */
export function RequestsPage({ status }: { readonly status: StatusDocument | null }): VNode {
  const { query } = address.value;
  const path = tapPath(query);
  const [paused, setPaused] = useState(false);
  const [picked, setPicked] = useState<Entry | null>(null);
  const { list, redraw, take, begin } = useTapList(path);
  const { shown, hold } = useHold(list);
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
        <button type="button" onClick={() => setPaused(!paused)}>
          {paused ? 'Resume' : 'Pause'}
        </button>
        <button type="button" onClick={clear} disabled={list.entries.length === 0}>
          Clear
        </button>
        <button type="button" onClick={save} disabled={exchanges.length === 0}>
          Save as HAR
        </button>
      </PageHead>
      <TapFilters status={status} />
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
          <ExchangeTable entries={shown} picked={picked} onPick={setPicked} onAim={hold} />
        )}
        {picked === null ? null : <ExchangeDetail line={picked.line} onClose={() => setPicked(null)} />}
      </div>
    </div>
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
