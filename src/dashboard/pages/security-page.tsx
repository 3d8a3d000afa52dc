import type { VNode } from 'preact';
import type { AccessMatrixDocument } from '../../api/access.ts';
import type { CaDocument } from '../../api/ca.ts';
import type { StatsDocument } from '../../api/stats.ts';
import type { StatusDocument } from '../../api/types.ts';
import { usePolled } from '../server/live.ts';
import { address, setQuery } from '../view/address.ts';
import { Choice, PageHead, Problem } from '../view/parts.tsx';
import { AccessView } from './security/access-view.tsx';
import { Certificates } from './security/certificates.tsx';
import { EncryptionView } from './security/encryption-view.tsx';

const views = [
  ['', 'Access'],
  ['encryption', 'Encryption'],
  ['certificates', 'Certificates'],
] as const;
/** Minutes are kept for a day; they need not be read every few seconds. */
const windows = [
  ['15m', '15 min', 5_000],
  ['1h', '1 h', 15_000],
  ['24h', '24 h', 60_000],
] as const;
const caEveryMs = 5_000;
/** It is asked for at once when the configuration or the workloads are others. */
const matrixEveryMs = 30_000;

/** Who may call whom and who does, what is encrypted, and certificates. */
export function SecurityPage({ status }: { readonly status: StatusDocument | null }): VNode {
  const { query } = address.value;
  const view = views.find(([name]) => name === query.get('view'))?.[0] ?? '';
  const [window, during, everyMs] = windows.find(([name]) => name === query.get('window')) ?? windows[0];
  const stats = usePolled<StatsDocument>(view === 'certificates' ? null : `/v1/stats?window=${window}`, everyMs);
  const ca = usePolled<CaDocument>('/v1/ca', caEveryMs);
  const state = `${status?.config.version} ${status?.workloads.length}`;
  const matrix = usePolled<AccessMatrixDocument>(view === '' && status !== null ? '/v1/access' : null, matrixEveryMs, state);
  return (
    <>
      <PageHead title="Security">
        <Choice label="What" options={views} value={view} onChange={value => setQuery({ view: value })} />
        {view === 'certificates' ? null : (
          <Choice
            label="Over the last"
            options={windows.map(([name, text]) => [name, text] as const)}
            value={window}
            onChange={value => setQuery({ window: value === '15m' ? '' : value })}
          />
        )}
      </PageHead>
      <Problem error={stats.error ?? matrix.error ?? ca.error} />
      {view === 'certificates' ? (
        ca.value === null ? null : (
          <Certificates document={ca.value} />
        )
      ) : stats.value === null || status === null ? null : view === 'encryption' ? (
        <EncryptionView edges={stats.value.edges} version={status.config.version} during={during} />
      ) : matrix.value === null ? null : (
        <AccessView
          matrix={matrix.value}
          edges={stats.value.edges}
          svids={ca.value?.svids ?? []}
          workloads={status.workloads}
          during={during}
        />
      )}
    </>
  );
}
