import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { address, setQuery } from '../../view/address.ts';
import { duration, percent, rate } from '../../view/figures.ts';
import { healthWord } from '../../view/health.ts';
import { Badge, Choice, type Health } from '../../view/parts.tsx';
import { type Column, Table } from '../../view/table.tsx';
import { securedWord } from './facts-text.ts';
import type { MapEdge, MapModel, MapNode } from './map-model.ts';

/** Rows drawn at first: all of a large mesh, anew every second, are more than anybody reads. */
const firstRows = 60;
const rank: Readonly<Record<Health, number>> = { bad: 0, warn: 1, good: 2, idle: 3 };

const nodeColumns: readonly Column<MapNode>[] = [
  { title: 'Service', cell: ({ title }) => title, by: ({ title }) => title },
  { title: 'Kind', cell: ({ of }) => of.kind, by: ({ of }) => of.kind },
  { title: 'State', cell: node => <Badge health={node.health}>{healthWord(node)}</Badge>, by: urgency },
  { title: 'rps', number: true, cell: ({ of }) => rate(of.total.rps), by: ({ of }) => of.total.rps },
  { title: 'p95', number: true, cell: ({ of }) => duration(of.total.p95Ms), by: ({ of }) => of.total.p95Ms ?? -1 },
];

const edgeColumns: readonly Column<MapEdge>[] = [
  {
    title: 'From and to',
    cell: ({ title, of }) => (
      <>
        {title} <span class="quiet">{[of.protocol, securedWord(of.secured)].filter(text => text !== '').join(', ')}</span>
      </>
    ),
    by: ({ title }) => title,
  },
  {
    title: 'State',
    cell: ({ health, denied }) => (
      <>
        {denied && health === 'idle' ? null : <Badge health={health}>{healthWord({ health })}</Badge>}
        {denied ? <span class="badge map-denied">denied</span> : null}
      </>
    ),
    by: urgency,
  },
  { title: 'rps', number: true, cell: ({ of }) => rate(of.total.rps), by: ({ of }) => of.total.rps },
  { title: 'Success', number: true, cell: ({ of }) => percent(of.total.successRate), by: ({ of }) => of.total.successRate ?? 2 },
  { title: 'p95', number: true, cell: ({ of }) => duration(of.total.p95Ms), by: ({ of }) => of.total.p95Ms ?? -1 },
];

/** The graph as text: every node and every edge, to be chosen here as there. */
export function Overview({ model, onSelect }: { readonly model: MapModel; readonly onSelect: (id: string) => void }): VNode {
  const list = address.value.query.get('list') === 'edges' ? 'edges' : 'nodes';
  const [all, setAll] = useState(false);
  const rows = list === 'nodes' ? model.nodes.length : model.edges.length;
  // What needs a look comes first, and where all is well nothing changes places.
  const cut = <Row extends MapNode | MapEdge>(each: readonly Row[]): readonly Row[] =>
    [...each].sort((one, other) => urgency(one) - urgency(other)).slice(0, all ? undefined : firstRows);
  const pick = ({ id }: { readonly id: string }): void => onSelect(id);
  return (
    <>
      <Choice
        label="List"
        options={[
          ['nodes', `Services ${model.nodes.length}`],
          ['edges', `Calls ${model.edges.length}`],
        ]}
        value={list}
        onChange={value => setQuery({ list: value === 'edges' ? value : '' })}
      />
      {list === 'nodes' ? (
        <Table
          caption="Services and versions on the map"
          columns={nodeColumns}
          rows={cut(model.nodes)}
          keyOf={({ id }) => id}
          empty="Nothing matches the filters."
          onPick={pick}
        />
      ) : (
        <Table
          caption="Calls on the map"
          columns={edgeColumns}
          rows={cut(model.edges)}
          keyOf={({ id }) => id}
          empty="No calls in this time."
          onPick={pick}
        />
      )}
      {rows > firstRows ? (
        <button type="button" class="map-more" onClick={() => setAll(!all)}>
          {all ? `Only the first ${firstRows}` : `All ${rows}`}
        </button>
      ) : null}
    </>
  );
}

function urgency(one: MapNode | MapEdge): number {
  return 'denied' in one && one.denied && one.health !== 'bad' ? 0.5 : rank[one.health];
}
