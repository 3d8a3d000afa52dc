import type { VNode } from 'preact';
import { setQuery } from '../../view/address.ts';
import { age, count } from '../../view/figures.ts';
import { Section } from '../../view/parts.tsx';
import { Table } from '../../view/table.tsx';
import { type AccessGrid, cellKey, type GridCell, nobody } from './access-grid.ts';

interface RefusalsProps {
  readonly grid: AccessGrid;
  /** When the daemon told of refused calls last, ms since epoch, by cell. */
  readonly told: ReadonlyMap<string, number>;
  readonly during: string;
}

/** Calls that access rules refused, with the rules. */
export function Refusals({ grid, told, during }: RefusalsProps): VNode {
  const rows = [...grid.cells.values()].filter(({ refused }) => refused > 0).sort((a, b) => b.refused - a.refused);
  return (
    <Section title={`Refused calls, the last ${during}`}>
      <Table
        caption="Refused calls"
        columns={[
          { title: 'From', cell: ({ from }) => from ?? nobody, by: ({ from }) => from ?? '' },
          { title: 'To', cell: ({ to }) => to, by: ({ to }) => to },
          { title: 'Rules that decide', cell: rulesText },
          {
            title: 'Told last',
            cell: ({ from, to }) => {
              const at = told.get(cellKey(from, to));
              return at === undefined ? '–' : `${age(Date.now() - at)} ago`;
            },
            number: true,
          },
          { title: 'Calls', cell: ({ refused }) => count(refused), by: ({ refused }) => refused, number: true },
        ]}
        rows={rows}
        keyOf={({ from, to }) => cellKey(from, to)}
        empty="None. What rules refuse is told here, and in Events."
        onPick={({ from, to }) => setQuery({ from: from ?? 'nobody', to })}
      />
    </Section>
  );
}

function rulesText({ doors }: GridCell): string {
  const rules = new Set(doors.flatMap(({ rules: own }) => own));
  if (rules.size > 0) return [...rules].join(', ');
  return doors.some(({ verdict }) => verdict === 'denied') ? 'no rule allows it' : 'none now: the rules have changed since';
}
