import type { RefObject, VNode } from 'preact';
import { useCallback, useEffect, useMemo, useRef } from 'preact/hooks';
import type { GraphDocument } from '../../api/stats.ts';
import type { ConfigDocument, StatusDocument } from '../../api/types.ts';
import { usePolled } from '../server/live.ts';
import { address, setQuery } from '../view/address.ts';
import { PageHead, Problem } from '../view/parts.tsx';
import { GraphView } from './map/graph-view.tsx';
import { Legend } from './map/legend.tsx';
import { type MapModel, mapModel } from './map/map-model.ts';
import { readMapView, statsPath, timeQuery } from './map/map-view.ts';
import { Overview } from './map/overview.tsx';
import { EdgePanel, NodePanel, type PanelProps } from './map/panel.tsx';
import { noFacts, serviceFacts } from './map/service-facts.ts';
import { Drawing, Filters, TimeSlider, useStillness } from './map/tools.tsx';

/** The daemon counts by the second; the next question is asked when this long has passed since the answer. */
const graphEveryMs = 1_000;

/** Who calls whom, now or at a moment of the last 15 minutes. */
export function MapPage({ status }: { readonly status: StatusDocument | null }): VNode {
  const { query } = address.value;
  const view = useMemo(() => readMapView(query), [query.toString()]);
  const path = statsPath('/v1/graph', timeQuery(view, view.window));
  const { value, error } = usePolled<GraphDocument>(path, view.atMs === null ? graphEveryMs : null);
  // Another moment or window is shown when it is there; until then what was.
  const graph = useLast(value);
  const version = status?.config.version;
  const config = usePolled<ConfigDocument>(version === undefined ? null : '/v1/config', null, version).value?.config ?? null;
  const facts = useMemo(() => (config === null ? noFacts : serviceFacts(config)), [config]);
  const model = useMemo(() => (graph === null ? null : mapModel(graph, view, facts)), [graph, view, facts]);
  const still = useStillness();
  const panel = useKeptFocus(view.selected);
  const onSelect = useCallback((selected: string) => setQuery({ selected }), []);
  return (
    <div class="map-page">
      <PageHead title="Map">
        <Drawing view={view} />
      </PageHead>
      <Filters view={view} facts={facts} />
      <TimeSlider view={view} />
      <Problem error={error} />
      {model === null ? (
        <p class="empty">Reading …</p>
      ) : (
        <div class="map-body">
          <div class="map-left">
            <GraphView
              model={model}
              choice={JSON.stringify([view.name, view.namespace, view.containerLabel, view.only, view.hideIdle])}
              selected={view.selected}
              moving={view.moving && !still}
              onSelect={onSelect}
            >
              <Legend />
            </GraphView>
            <Hint model={model} status={status} isNow={view.atMs === null} />
          </div>
          <section class="map-panel" aria-label="Details" ref={panel} tabIndex={-1}>
            <Panel model={model} view={view} config={config} onSelect={onSelect} />
          </section>
        </div>
      )}
    </div>
  );
}

function Panel(props: PanelProps): VNode {
  const { model, view, onSelect } = props;
  const node = model.nodes.find(({ id }) => id === view.selected);
  if (node !== undefined) return <NodePanel key={node.id} node={node} {...props} />;
  const edge = model.edges.find(({ id }) => id === view.selected);
  if (edge !== undefined) return <EdgePanel key={edge.id} edge={edge} {...props} />;
  return (
    <>
      {view.selected === '' ? null : (
        <p class="quiet">
          What was chosen is not among what is shown.{' '}
          <button type="button" onClick={() => onSelect('')}>
            Choose nothing
          </button>
        </p>
      )}
      <Overview model={model} onSelect={onSelect} />
    </>
  );
}

/** What to do where there is nothing to see. */
function Hint({
  model,
  status,
  isNow,
}: {
  readonly model: MapModel;
  readonly status: StatusDocument | null;
  readonly isNow: boolean;
}): VNode | null {
  const url = status?.gateways[0]?.url;
  if (model.edges.length > 0) return null;
  return (
    <p class="map-hint">
      {model.nodes.length === 0 ? 'Nothing matches the filters.' : 'No calls in this time.'}
      {isNow && url !== undefined ? (
        <>
          {' '}
          Send some: <code>curl {url}</code>
        </>
      ) : null}
    </p>
  );
}

/** What was pressed may go when something else is chosen; the keys then go on in the panel. */
function useKeptFocus(selected: string): RefObject<HTMLElement | null> {
  const panel = useRef<HTMLElement>(null);
  const before = useRef(selected);
  useEffect(() => {
    if (before.current !== selected && document.activeElement === document.body) panel.current?.focus({ preventScroll: true });
    before.current = selected;
  }, [selected]);
  return panel;
}

function useLast<T>(value: T | null): T | null {
  const last = useRef(value);
  if (value !== null) last.current = value;
  return last.current;
}
