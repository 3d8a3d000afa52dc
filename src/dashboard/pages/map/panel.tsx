import type { ComponentChildren, VNode } from 'preact';
import type { EdgeStats, GraphNode, StatsDocument } from '../../../api/stats.ts';
import type { ConfigDocument } from '../../../api/types.ts';
import { type Live, usePolled } from '../../server/live.ts';
import { healthWord } from '../../view/health.ts';
import { Badge } from '../../view/parts.tsx';
import { useEscape } from '../../view/row-keys.ts';
import { edgeText, kindWord, securedWord } from './facts-text.ts';
import type { MapEdge, MapModel, MapNode } from './map-model.ts';
import { type MapView, statsPath } from './map-view.ts';
import { Recent } from './recent.tsx';
import { Access, Rules } from './rules.tsx';
import { Charts, Figures } from './signals.tsx';

/** Side panels ask so often. */
const everyMs = 5_000;

/** What a panel needs besides what it is about. */
export interface PanelProps {
  readonly model: MapModel;
  readonly view: MapView;
  readonly config: ConfigDocument['config'] | null;
  readonly onSelect: (id: string) => void;
}

/** All about one node. */
export function NodePanel({ node, ...props }: PanelProps & { readonly node: MapNode }): VNode {
  const { model, view, config, onSelect } = props;
  const { name, version, kind, total } = node.of;
  const stats = useStats(name);
  const calls = stats.value?.edges.filter(({ destination }) => isEnd(destination, node.of)) ?? [];
  const isTcp = calls.length > 0 && calls.every(({ protocol }) => protocol === 'tcp');
  const out = model.edges.filter(({ source }) => source === node.id);
  const into = model.edges.filter(({ target }) => target === node.id);
  return (
    <>
      <PanelHead title={node.title} onClose={() => onSelect('')}>
        <Badge health={node.health}>{healthWord(node)}</Badge>
        <span class="quiet">{kindWord(kind)}</span>
      </PanelHead>
      <Figures total={total} isTcp={isTcp} />
      <EdgeButtons title="Called by" edges={into} onSelect={onSelect} />
      <EdgeButtons title="Calls" edges={out} onSelect={onSelect} />
      <Charts
        stats={stats}
        pointsOf={value => value.services.find(each => each.name === name && each.version === version)?.points ?? []}
      />
      {isNamed(node.of) ? (
        <>
          <Rules owner={name} view={view} config={config} everyMs={everyMs} />
          <Access to={name} from={null} config={config} edges={calls} />
          <Recent services={[name]} everyMs={everyMs} />
        </>
      ) : null}
    </>
  );
}

/** All about one edge. */
export function EdgePanel({ edge, ...props }: PanelProps & { readonly edge: MapEdge }): VNode {
  const { model, view, config, onSelect } = props;
  const source = model.nodes.find(({ id }) => id === edge.source)?.of;
  const target = model.nodes.find(({ id }) => id === edge.target)?.of;
  const stats = useStats(target?.name ?? '');
  const { protocol, secured, total } = edge.of;
  const isThis = (each: EdgeStats): boolean =>
    each.protocol === protocol && isEnd(each.source, source) && isEnd(each.destination, target);
  const isTcp = protocol === 'tcp';
  const names = [source, target].flatMap(end => (end !== undefined && isNamed(end) ? [end.name] : []));
  return (
    <>
      <PanelHead title={edge.title} onClose={() => onSelect('')}>
        {edge.denied && edge.health === 'idle' ? null : <Badge health={edge.health}>{healthWord(edge)}</Badge>}
        {edge.denied ? <span class="badge map-denied">denied calls</span> : null}
        <span class="quiet">{[protocol, securedWord(secured)].filter(text => text !== '').join(', ')}</span>
      </PanelHead>
      <Figures total={total} isTcp={isTcp} />
      <p class="map-ends">
        {[edge.source, edge.target].map((id, index) => (
          <button key={id} type="button" onClick={() => onSelect(id)}>
            {index === 0 ? 'From' : 'To'} {model.nodes.find(each => each.id === id)?.title}
          </button>
        ))}
      </p>
      <Charts stats={stats} pointsOf={value => value.edges.find(isThis)?.points ?? []} />
      {target !== undefined && isNamed(target) ? (
        <>
          <Rules owner={source?.kind === 'gateway' ? source.name : target.name} view={view} config={config} everyMs={everyMs} />
          <Access
            to={target.name}
            from={source !== undefined && isNamed(source) ? source.name : null}
            config={config}
            edges={stats.value?.edges.filter(isThis) ?? []}
          />
          <Recent services={names} everyMs={everyMs} />
        </>
      ) : null}
    </>
  );
}

function PanelHead({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}): VNode {
  useEscape(onClose);
  return (
    <header class="map-panel-head">
      <h2>{title}</h2>
      <button type="button" onClick={onClose}>
        Close
      </button>
      <div>{children}</div>
    </header>
  );
}

function EdgeButtons({
  title,
  edges,
  onSelect,
}: {
  readonly title: string;
  readonly edges: readonly MapEdge[];
  readonly onSelect: (id: string) => void;
}): VNode | null {
  if (edges.length === 0) return null;
  return (
    <div class="map-near">
      <h3>{title}</h3>
      <ul>
        {edges.map(edge => (
          <li key={edge.id}>
            <button type="button" class="plain" onClick={() => onSelect(edge.id)}>
              {edge.title}
            </button>
            <span class="quiet">{edgeText(edge)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** By the second, as only the last 15 minutes are. */
function useStats(service: string): Live<StatsDocument> {
  const path = statsPath('/v1/stats', { window: '15m', step: '15s', services: [service] });
  return usePolled<StatsDocument>(service === '' ? null : path, everyMs);
}

/** Rules and traces know it by its name. */
function isNamed({ kind }: Pick<GraphNode, 'kind'>): boolean {
  return kind === 'service' || kind === 'gateway' || kind === 'external';
}

function isEnd(end: EdgeStats['source'], node: GraphNode | undefined): boolean {
  return end.name === node?.name && end.version === node.version;
}
