import type { VNode } from 'preact';
import type { CaDocument, WorkloadSvid } from '../../../api/ca.ts';
import { lateText, rotationPhases } from '../../../text/certificate-text.ts';
import { age } from '../../view/figures.ts';
import { Badge, Section } from '../../view/parts.tsx';
import { Table } from '../../view/table.tsx';
import { lifeUsed } from './life-used.ts';

/** Roots of the mesh, and who has which certificate, as `mesh ca show` tells it. */
export function Certificates({
  document: { now, trustDomain, svidTtlMs, roots, rotation, svids },
}: {
  readonly document: CaDocument;
}): VNode {
  const nowMs = Date.parse(now);
  return (
    <>
      <Section title={`Roots of ${trustDomain}`}>
        <p>
          <Badge health={rotation === null ? 'idle' : 'warn'}>{rotation === null ? 'no rotation under way' : 'rotation'}</Badge>{' '}
          {rotation === null ? '' : rotationPhases[rotation.phase]}
        </p>
        {rotation === null || rotation.waitingFor.length === 0 ? null : (
          <ul>
            {rotation.waitingFor.map(({ workload, reason }) => (
              <li key={workload}>
                waiting for {workload}: {reason}
              </li>
            ))}
          </ul>
        )}
        <Table
          caption="Roots"
          columns={[
            { title: 'Root', cell: ({ fingerprint }) => <code title={fingerprint}>{fingerprint.slice(0, 12)}</code> },
            { title: 'Role', cell: ({ role }) => <Badge health={role === 'active' ? 'good' : 'idle'}>{role}</Badge> },
            { title: 'Since', cell: ({ notBefore }) => notBefore.slice(0, 10) },
            { title: 'Ends', cell: ({ expiresAt }) => expiresAt.slice(0, 10) },
            { title: 'Ends in', cell: ({ expiresAt }) => age(Date.parse(expiresAt) - nowMs), number: true },
          ]}
          rows={roots}
          keyOf={({ fingerprint, role }) => `${fingerprint} ${role}`}
          empty=""
        />
      </Section>
      <Section title={`Certificates of workloads, which live for ${age(svidTtlMs)}`}>
        <Table
          caption="Certificates of workloads"
          columns={[
            { title: 'Workload', cell: ({ workload }) => workload, by: ({ workload }) => workload },
            { title: 'Identity', cell: ({ spiffeId }) => spiffeId || '–', by: ({ spiffeId }) => spiffeId },
            {
              title: 'Root',
              cell: ({ root }) => <code title={root ?? ''}>{root?.slice(0, 12) ?? '–'}</code>,
              by: ({ root }) => root ?? '',
            },
            {
              title: 'Age',
              cell: ({ since }) => (since === null ? '–' : age(nowMs - Date.parse(since))),
              by: ({ since }) => since ?? '',
              number: true,
            },
            { title: 'Ends in', cell: svid => endsText(svid, nowMs), by: ({ expiresAt }) => expiresAt ?? '', number: true },
            {
              title: 'Life used',
              cell: svid => <Life used={lifeUsed(svid, nowMs)} late={svid.late > 0} />,
              by: svid => lifeUsed(svid, nowMs) ?? 0,
            },
            {
              title: 'State',
              cell: ({ late, problem, serialNumber }) => (
                <>
                  {late > 0 ? <Badge health={late >= 1 ? 'bad' : 'warn'}>{lateText(late)}</Badge> : null}{' '}
                  {problem === '' ? null : <Badge health="bad">refused another one</Badge>} {problem}
                  {late === 0 && problem === '' ? (
                    <Badge health={serialNumber === null ? 'idle' : 'good'}>
                      {serialNumber === null ? 'not told yet' : 'in time'}
                    </Badge>
                  ) : null}
                </>
              ),
              by: ({ late }) => late,
            },
          ]}
          rows={svids}
          keyOf={({ workload }) => workload}
          empty="No sidecar has a certificate. `mesh up` starts them."
        />
      </Section>
    </>
  );
}

function endsText({ expiresAt }: WorkloadSvid, nowMs: number): string {
  if (expiresAt === null) return '–';
  const leftMs = Date.parse(expiresAt) - nowMs;
  return leftMs <= 0 ? 'expired' : age(leftMs);
}

function Life({ used, late }: { readonly used: number | null; readonly late: boolean }): VNode {
  if (used === null) return <>–</>;
  return (
    <span class="life">
      <i aria-hidden="true">
        <b class={late ? 'late' : ''} style={{ width: `${used * 100}%` }} />
      </i>
      {Math.round(used * 100)} %
    </span>
  );
}
