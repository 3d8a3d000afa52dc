import type { VNode } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { AccessMatrixDocument, SeenCallsDocument } from '../../../api/access.ts';
import type { WorkloadSvid } from '../../../api/ca.ts';
import type { EdgeStats } from '../../../api/stats.ts';
import type { MeshEvent, WorkloadStatus } from '../../../api/types.ts';
import { useStream } from '../../server/live.ts';
import { address, setQuery } from '../../view/address.ts';
import { Choice, Field, Section } from '../../view/parts.tsx';
import { type AccessGrid, accessGrid, cellKey, chosenPart, countMarks, type Mark, nobody, withTraffic } from './access-grid.ts';
import { CellPanel, type Watch } from './cell-panel.tsx';
import { Matrix, signs } from './matrix.tsx';
import { Refusals } from './refusals.tsx';

interface AccessViewProps {
  readonly matrix: AccessMatrixDocument;
  readonly edges: readonly EdgeStats[];
  readonly svids: readonly WorkloadSvid[];
  readonly workloads: readonly WorkloadStatus[];
  readonly during: string;
}

/** More cells at once make a slow page; sixty services have half as many. */
const mostCells = 8_000;
const marks: readonly (readonly [mark: Mark, text: string])[] = [
  ['used', 'used'],
  ['unused', 'never used'],
  ['tried', 'refused'],
  ['depends', 'depends'],
  ['closed', 'closed'],
];

/** The matrix, the cell that is picked, and what was refused. */
export function AccessView({ matrix, edges, svids, workloads, during }: AccessViewProps): VNode {
  const { query } = address.value;
  const rules = useMemo(() => accessGrid(matrix), [matrix]);
  const grid = useMemo(() => withTraffic(rules, edges), [rules, edges]);
  const identities = useMemo(() => identitiesOf(workloads, svids), [workloads, svids]);
  const watch = useWatch();
  const told = useToldRefusals(!watch.on);
  const from = callerOf(query.get('from') ?? '');
  const picked = query.has('to') ? cellKey(from, query.get('to') ?? '') : '';
  if (grid.services.length === 0)
    return (
      <p class="card empty">No service has a port that a sidecar guards. Services in mesh.yaml are shown here once they run.</p>
    );
  const cell = grid.cells.get(picked);
  return (
    <>
      <Section title="Who may call whom">
        <Walls grid={grid} picked={picked} />
      </Section>
      {cell === undefined ? null : (
        <CellPanel cell={cell} ruled={grid.ruled} identities={identities} during={during} watch={watch} />
      )}
      <Refusals grid={grid} told={told} during={during} />
    </>
  );
}

/** The matrix with what narrows it down. */
function Walls({ grid, picked }: { readonly grid: AccessGrid; readonly picked: string }): VNode {
  const { query } = address.value;
  const counts = countMarks(grid);
  const filter = {
    callers: query.get('callers') ?? '',
    services: query.get('services') ?? '',
    mark: marks.find(([mark]) => mark === query.get('mark'))?.[0] ?? ('' as const),
    hideEmpty: query.get('empty') === 'hide',
  };
  const { callers, services } = chosenPart(grid, filter);
  const rows = query.get('rows') === 'all' ? callers.length : Math.max(20, Math.floor(mostCells / services.length));
  return (
    <>
      {grid.ruled ? null : (
        <p class="notice">
          There are no access rules: everybody may call everybody. `mesh access learn` writes rules from what it sees.
        </p>
      )}
      <div class="text-tools">
        <Choice
          label="Cells"
          options={[
            ['', `all ${grid.cells.size}`] as const,
            ...marks.map(([mark, text]) => [mark, `${signs[mark]} ${text} ${counts[mark]}`] as const),
          ]}
          value={filter.mark}
          onChange={mark => setQuery({ mark })}
        />
        <Field label="From" value={filter.callers} onChange={value => setQuery({ callers: value })} />
        <Field label="To" value={filter.services} onChange={value => setQuery({ services: value })} />
        <label class="check">
          <input
            type="checkbox"
            checked={filter.hideEmpty}
            onChange={event => setQuery({ empty: event.currentTarget.checked ? 'hide' : '' })}
          />{' '}
          Hide what is closed to all
        </label>
      </div>
      {callers.length === 0 || services.length === 0 ? (
        <p class="empty">No cell fits. Take a part of the filter away.</p>
      ) : (
        <>
          <Matrix
            grid={grid}
            callers={callers.slice(0, rows)}
            services={services}
            mark={filter.mark}
            picked={picked}
            onPick={(from, to) => setQuery({ from: from ?? 'nobody', to })}
          />
          {callers.length <= rows ? null : (
            <p class="more-rows">
              The first {rows} of {callers.length} callers: narrow them down, or{' '}
              <button type="button" onClick={() => setQuery({ rows: 'all' })}>
                Show all
              </button>
            </p>
          )}
        </>
      )}
    </>
  );
}

/** Events and edges call whoever has no identity `unknown`, the command line calls it `nobody`. */
function callerOf(name: string): string | null {
  return ['', 'nobody', 'unknown', nobody].includes(name) ? null : name;
}

function identitiesOf(workloads: readonly WorkloadStatus[], svids: readonly WorkloadSvid[]): ReadonlyMap<string, string> {
  const services = new Map(workloads.map(({ name, service }) => [name, service]));
  return new Map(svids.map(({ workload, spiffeId }) => [services.get(workload) ?? workload, spiffeId]));
}

/** Watches calls while it is on: nothing in the address begins it. */
function useWatch(): Watch {
  const [on, set] = useState(false);
  const [seen, setSeen] = useState<SeenCallsDocument | null>(null);
  const error = useStream<SeenCallsDocument>(on ? '/v1/access/calls?forMs=3600000' : null, setSeen, () => undefined);
  return { on, seen, error, set };
}

/** When refused calls were told of last, by cell. `on`: one stream of a page is enough. */
function useToldRefusals(on: boolean): ReadonlyMap<string, number> {
  const [told, setTold] = useState<ReadonlyMap<string, number>>(new Map());
  const read = useRef({ told: new Map<string, number>(), frame: 0 });
  useStream<MeshEvent>(
    on ? '/v1/events' : null,
    event => {
      if (event.kind !== 'denied') return;
      const { current } = read;
      current.told.set(cellKey(callerOf(event.from), event.to), Date.parse(event.at));
      // All that are kept arrive together: they are drawn once.
      current.frame ||= requestAnimationFrame(() => {
        current.frame = 0;
        setTold(new Map(current.told));
      });
    },
    () => undefined,
  );
  useEffect(() => () => cancelAnimationFrame(read.current.frame), []);
  return told;
}
