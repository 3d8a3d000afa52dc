import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { ProxyQuery, ProxyStatus, WorkloadStatus } from '../../../api/types.ts';
import { lateText } from '../../../text/certificate-text.ts';
import { usePolled } from '../../server/live.ts';
import { address, setQuery } from '../../view/address.ts';
import { age } from '../../view/figures.ts';
import { Badge, Choice, type Health, Problem, Section } from '../../view/parts.tsx';
import { type Column, Table } from '../../view/table.tsx';
import { jsonSections } from './text-sections.ts';
import { TextView } from './text-view.tsx';

const states: Readonly<Record<ProxyStatus['state'], Health>> = {
  SYNCED: 'good',
  STALE: 'warn',
  'NOT SENT': 'warn',
  DISCONNECTED: 'bad',
};
const parts = [
  ['config', 'Configuration'],
  ['state', 'State'],
  ['stats', 'Metrics'],
] as const;

const columns: readonly Column<WorkloadStatus>[] = [
  { title: 'Workload', cell: ({ name }) => name, by: ({ name }) => name },
  {
    title: 'State',
    cell: ({ proxy }) => <Badge health={states[proxy?.state ?? 'NOT SENT']}>{proxy?.state ?? 'NOT SENT'}</Badge>,
    by: ({ proxy }) => proxy?.state ?? 'NOT SENT',
  },
  { title: 'Sent', cell: ({ proxy }) => <code>{short(proxy?.sent)}</code> },
  { title: 'Acked', cell: ({ proxy }) => <code>{short(proxy?.acked)}</code> },
  {
    title: 'Connected',
    cell: ({ proxy }) => (proxy?.connected === true ? 'yes' : 'no'),
    by: ({ proxy }) => String(proxy?.connected),
  },
  { title: 'Listens on', cell: portsText, by: ({ proxy }) => proxy?.listening.join() ?? '' },
  { title: 'Certificate', cell: ({ proxy }) => expiryText(proxy), by: ({ proxy }) => proxy?.svidExpiresAtMs ?? 0 },
  { title: 'Reason', cell: ({ proxy }) => proxy?.reason ?? '' },
];

/** How far each sidecar follows, as `mesh proxy-status` tells it, and what the one that is picked runs. */
export function Sidecars({ workloads }: { readonly workloads: readonly WorkloadStatus[] }): VNode {
  const picked = address.value.query.get('pick') ?? '';
  return (
    <>
      <Section title="Sidecars">
        <Table
          caption="Sidecars"
          columns={columns}
          rows={workloads}
          keyOf={({ name }) => name}
          empty="No pod runs. `mesh up` starts them."
          onPick={({ name }) => setQuery({ pick: name === picked ? '' : name, section: '' })}
          picked={({ name }) => name === picked}
        />
      </Section>
      {picked === '' ? null : <RunningConfig key={picked} workload={picked} />}
    </>
  );
}

/** What a sidecar says of itself, asked once. */
function RunningConfig({ workload }: { readonly workload: string }): VNode {
  const asked = address.value.query.get('what');
  const what = parts.find(([name]) => name === asked)?.[0] ?? 'config';
  const [turn, setTurn] = useState(0);
  return (
    <Section title={`${workload}, in its sidecar's own words`}>
      <div class="text-tools">
        <Choice label="What" options={parts} value={what} onChange={value => setQuery({ what: value, section: '' })} />
        <button type="button" onClick={() => setTurn(turn + 1)}>
          Ask again
        </button>
      </div>
      <Answer key={`${what} ${turn}`} workload={workload} what={what} />
    </Section>
  );
}

function Answer({ workload, what }: { readonly workload: string; readonly what: ProxyQuery }): VNode {
  const { value, error } = usePolled<unknown>(`/v1/proxy?workload=${encodeURIComponent(workload)}&what=${what}`, null);
  return (
    <>
      <Problem error={error} />
      {value === null ? null : (
        <TextView label={workload} sections={jsonSections(typeof value === 'string' ? value : JSON.stringify(value, null, 2))} />
      )}
    </>
  );
}

function short(version: string | null | undefined): string {
  return version ? version.slice(0, 12) : '–';
}

/** Ports that are open, and those that should be and are not. */
function portsText({ ports, proxy }: WorkloadStatus): VNode | string {
  const open = proxy?.listening ?? [];
  const missing = ports.filter(port => !open.includes(port));
  if (missing.length === 0) return open.join(', ') || '–';
  return (
    <>
      {open.join(', ')} <Badge health="warn">nothing on {missing.join(', ')}</Badge>
    </>
  );
}

function expiryText(proxy: ProxyStatus | null): VNode | string {
  if (proxy === null || proxy.svidExpiresAtMs === null) return '–';
  const leftMs = proxy.svidExpiresAtMs - Date.now();
  if (leftMs <= 0) return <Badge health="bad">expired</Badge>;
  if (proxy.svidLate === 0) return `ends in ${age(leftMs)}`;
  return <Badge health="warn">{lateText(proxy.svidLate)}</Badge>;
}
