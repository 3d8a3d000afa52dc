import type { VNode } from 'preact';
import type { EdgeStats, Golden, RoutesDocument, ServiceStats } from '../../../api/stats.ts';
import { count, duration, percent, rate } from '../../view/figures.ts';
import { healthOf } from '../../view/health.ts';
import { Badge, type Health } from '../../view/parts.tsx';
import { type Column, Table } from '../../view/table.tsx';
import { type Drift, shareLines } from './shares.ts';

const nothing =
  'Nothing passed the mesh in this time. Send a request to a gateway: `curl` its address, which `mesh status` shows.';

interface Totalled {
  readonly total: Golden;
  /** Of an edge. */
  readonly protocol?: EdgeStats['protocol'];
}

const figures: readonly Column<Totalled>[] = [
  {
    title: 'Success',
    number: true,
    by: ({ total }) => total.successRate ?? 2,
    // Of success alone: 4xx are none of its failures.
    cell: row => <Success {...row} />,
  },
  { title: 'Per second', number: true, by: ({ total }) => total.rps, cell: ({ total }) => rate(total.rps) },
  { title: 'p50', number: true, by: ({ total }) => total.p50Ms ?? -1, cell: ({ total }) => duration(total.p50Ms) },
  { title: 'p95', number: true, by: ({ total }) => total.p95Ms ?? -1, cell: ({ total }) => duration(total.p95Ms) },
  { title: 'p99', number: true, by: ({ total }) => total.p99Ms ?? -1, cell: ({ total }) => duration(total.p99Ms) },
  { title: 'Open', number: true, by: ({ total }) => total.open, cell: ({ total }) => total.open },
  { title: 'Denied', number: true, by: ({ total }) => total.denied, cell: ({ total }) => total.denied || '–' },
];

/** A refused call is an answer, and none that its caller is well with. */
function Success({ total, protocol }: Totalled): VNode {
  const health = healthOf({ ...total, clientErrors: 0 }, protocol ?? null);
  const refused = total.denied > 0 && (health === 'good' || health === 'idle');
  const all = protocol !== 'tcp' && total.denied > 0 && total.denied >= total.requests;
  return <Badge health={refused ? 'warn' : health}>{all ? 'all refused' : percent(total.successRate, 2)}</Badge>;
}

/** What a table of several does with a choice. */
export interface Picking<Row> {
  readonly rows: readonly Row[];
  readonly picked: string;
  readonly onPick: (key: string) => void;
}

/** Every version of every service, with what it was called with. */
export function ServiceTable({ rows, picked, onPick }: Picking<ServiceStats>): VNode {
  return (
    <Table
      caption="Services and their golden signals"
      rows={rows}
      keyOf={serviceKey}
      empty={nothing}
      picked={row => serviceKey(row) === picked}
      onPick={row => onPick(serviceKey(row))}
      columns={[
        { title: 'Service', by: serviceKey, cell: row => <strong>{row.name}</strong> },
        { title: 'Version', by: row => row.version, cell: row => row.version || '–' },
        { title: 'Kind', by: row => row.kind, cell: row => <span class="quiet">{row.kind}</span> },
        ...figures,
      ]}
    />
  );
}

/** Who calls whom. */
export function EdgeTable({ rows, picked, onPick }: Picking<EdgeStats>): VNode {
  return (
    <Table
      caption="Edges and their golden signals"
      rows={rows}
      keyOf={edgeKey}
      empty={nothing}
      picked={row => edgeKey(row) === picked}
      onPick={row => onPick(edgeKey(row))}
      columns={[
        { title: 'From', by: ({ source }) => serviceKey(source), cell: ({ source }) => <strong>{serviceKey(source)}</strong> },
        { title: 'To', by: ({ destination }) => serviceKey(destination), cell: ({ destination }) => serviceKey(destination) },
        { title: 'Protocol', by: row => row.protocol, cell: row => <span class="quiet">{row.protocol}</span> },
        { title: 'mTLS', by: row => String(row.secured), cell: row => securedWord(row.secured) },
        ...figures,
      ]}
    />
  );
}

/** What each rule took, and the shares that its weights ask for against those observed. */
export function RouteTable({ document, all }: { readonly document: RoutesDocument; readonly all: boolean }): VNode {
  return (
    <Table
      caption="Rules, and the shares of versions against those asked for"
      rows={shareLines(document, all)}
      keyOf={({ key }) => key}
      empty={nothing}
      columns={[
        { title: 'Service', cell: ({ first, route }) => (first ? <strong>{route.service}</strong> : '') },
        { title: 'Rule', cell: ({ first, route }) => (first ? route.rule : '') },
        { title: 'To', cell: ({ share }) => serviceKey({ name: share.service, version: share.version }) },
        { title: 'Requests', number: true, cell: ({ share }) => count(share.hits) },
        { title: 'Asked', number: true, cell: ({ share }) => percent(share.intended) },
        { title: 'Observed', number: true, cell: ({ share }) => percent(share.share) },
        { title: 'Share', cell: ({ share }) => <ShareBar observed={share.share ?? 0} intended={share.intended} /> },
        { title: 'State', cell: ({ drift }) => <DriftBadge drift={drift} /> },
      ]}
    />
  );
}

/** The observed share as a bar, the intended one as a mark on it; the numbers stand beside it. */
function ShareBar({ observed, intended }: { readonly observed: number; readonly intended: number | null }): VNode {
  return (
    <span class="share" aria-hidden="true">
      <i style={{ width: `${observed * 100}%` }} />
      {intended === null ? null : <b style={{ left: `${intended * 100}%` }} />}
    </span>
  );
}

function DriftBadge({ drift }: { readonly drift: Drift }): VNode {
  const [health, text] = (
    {
      'as-asked': ['good', 'as asked'],
      few: ['idle', 'too few to tell'],
      off: ['warn', 'off'],
      'not-in-force': ['idle', 'not in force'],
    } satisfies Record<Drift, [Health, string]>
  )[drift];
  return <Badge health={health}>{text}</Badge>;
}

/** Names a version of a service in the address. */
export function serviceKey({ name, version }: { readonly name: string; readonly version: string }): string {
  return version === '' ? name : `${name}@${version}`;
}

/** Names an edge in the address. */
export function edgeKey({ source, destination, protocol }: EdgeStats): string {
  return `${serviceKey(source)}>${serviceKey(destination)}>${protocol}`;
}

function securedWord(secured: boolean | null): VNode {
  if (secured === null) return <span class="quiet">–</span>;
  return secured ? <Badge health="good">mTLS</Badge> : <Badge health="warn">plain</Badge>;
}
