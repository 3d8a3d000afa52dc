import type { VNode } from 'preact';
import type { EdgeStats, Golden, GoldenPoint, RoutesDocument, ServiceStats, StatsDocument } from '../../api/stats.ts';
import { usePolled } from '../server/live.ts';
import { address, hrefOf, setQuery } from '../view/address.ts';
import { percent, rate } from '../view/figures.ts';
import { GoldenCharts } from '../view/golden-charts.tsx';
import { Choice, Field, PageHead, Problem, Section } from '../view/parts.tsx';
import { EdgeTable, edgeKey, RouteTable, ServiceTable, serviceKey } from './traffic/tables.tsx';

const everyMs = 2_000;
const windows = [
  ['10s', '10 s'],
  ['1m', '1 min'],
  ['5m', '5 min'],
  ['15m', '15 min'],
] as const;
const views = [
  ['services', 'Services'],
  ['edges', 'Edges'],
  ['routes', 'Routes'],
] as const;

/** Golden signals of services and edges, and what each rule took. */
export function TrafficPage(): VNode {
  const { query } = address.value;
  const view = views.find(([name]) => name === query.get('view'))?.[0] ?? 'services';
  const window = windows.find(([length]) => length === query.get('window'))?.[0] ?? '1m';
  const name = query.get('name') ?? '';
  return (
    <>
      <PageHead title="Traffic">
        <Field label="Name" value={name} placeholder="reviews" onChange={value => setQuery({ name: value })} />
        <Choice label="What" options={views} value={view} onChange={value => setQuery({ view: value, pick: '' })} />
        <Choice label="Over the last" options={windows} value={window} onChange={value => setQuery({ window: value })} />
      </PageHead>
      {view === 'routes' ? <Routes window={window} name={name} /> : <Signals view={view} window={window} name={name} />}
    </>
  );
}

interface Shown {
  readonly window: string;
  readonly name: string;
}

function Routes({ window, name }: Shown): VNode {
  const all = address.value.query.get('all') === 'yes';
  const { value, error } = usePolled<RoutesDocument>(`/v1/routes?window=${window}`, everyMs);
  return (
    <>
      <Problem error={error} />
      <Section title="Rules: shares asked for and observed">
        {value === null ? null : (
          <RouteTable
            document={{ ...value, routes: value.routes.filter(each => each.service.includes(name) || each.rule.includes(name)) }}
            all={all}
          />
        )}
        <label class="check">
          <input type="checkbox" checked={all} onChange={event => setQuery({ all: event.currentTarget.checked ? 'yes' : '' })} />{' '}
          default rules that took nothing, too
        </label>
      </Section>
    </>
  );
}

function Signals({ view, window, name }: Shown & { readonly view: 'services' | 'edges' }): VNode {
  const { value, error } = usePolled<StatsDocument>(`/v1/stats?window=${window}`, everyMs);
  const picked = address.value.query.get('pick') ?? '';
  const pick = (key: string): void => setQuery({ pick: key === picked ? '' : key });
  const has = (text: string): boolean => text.includes(name);
  return (
    <>
      <Problem error={error} />
      {value === null ? null : view === 'services' ? (
        <Section title="Services, as they were called">
          <ServiceTable rows={value.services.filter(row => has(row.name))} picked={picked} onPick={pick} />
        </Section>
      ) : (
        <Section title="Edges">
          <EdgeTable
            rows={value.edges.filter(({ source, destination }) => has(source.name) || has(destination.name))}
            picked={picked}
            onPick={pick}
          />
        </Section>
      )}
      {picked === '' ? null : <Detail picked={picked} view={view} />}
    </>
  );
}

/** The last 15 minutes of what was picked. */
function Detail({ picked, view }: { readonly picked: string; readonly view: 'services' | 'edges' }): VNode | null {
  const names = picked.split('>').map(part => part.replace(/@.*$/, ''));
  const service = names[view === 'services' ? 0 : 1] ?? '';
  const { value } = usePolled<StatsDocument>(`/v1/stats?window=15m&step=10s&service=${encodeURIComponent(service)}`, everyMs);
  if (value === null) return null;
  const found: ServiceStats | EdgeStats | undefined =
    view === 'services'
      ? value.services.find(row => serviceKey(row) === picked)
      : value.edges.find(row => edgeKey(row) === picked);
  const total: Golden | undefined = found?.total;
  const points: readonly GoldenPoint[] = found?.points ?? [];
  return (
    <Section title={`${picked.split('>').slice(0, 2).join(' → ')}, the last 15 minutes`}>
      {total === undefined ? (
        <p class="empty">It was not called in this time.</p>
      ) : (
        <>
          <GoldenCharts
            points={points}
            fromMs={Date.parse(value.from)}
            toMs={Date.parse(value.to)}
            stepMs={value.stepMs ?? 10_000}
          />
          <p class="quiet">
            {total.requests} requests, {rate(total.rps)} per second, {percent(total.successRate, 2)} without failure ·{' '}
            <a href={hrefOf('requests', { to: service })}>live requests</a> · <a href={hrefOf('traces', { service })}>traces</a>
          </p>
        </>
      )}
    </Section>
  );
}
