import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { FaultStatus, FaultsDocument } from '../../../api/fault.ts';
import type { StatusDocument } from '../../../api/types.ts';
import { type CallError, callErrorOf, post } from '../../server/call.ts';
import { age } from '../../view/figures.ts';
import { Choice, Field, Problem, Section } from '../../view/parts.tsx';
import { Table } from '../../view/table.tsx';
import { type FaultForm, faultRequest } from './fault-request.ts';

const kinds = [
  ['delay', 'Delay'],
  ['abort', 'Abort'],
] as const;
const usual = { delay: '2000', abort: '503' } as const;

/** Faults on the running mesh: those in force, and a simple one to add. */
export function Faults({ status }: { readonly status: StatusDocument }): VNode {
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  // What a change was answered counts until the next status.
  const [changed, setChanged] = useState<{ readonly faults: readonly FaultStatus[]; readonly status: StatusDocument } | null>(
    null,
  );
  const faults = changed?.status === status ? changed.faults : status.faults;
  const change = async (work: () => Promise<readonly FaultStatus[]>): Promise<void> => {
    setBusy(true);
    try {
      setChanged({ faults: await work(), status });
      setError(null);
    } catch (problem) {
      setError(callErrorOf(problem));
    }
    setBusy(false);
  };
  const remove = async (ids: readonly string[] | 'all'): Promise<readonly FaultStatus[]> =>
    (await post<FaultsDocument>('/v1/faults/remove', { ids })).faults;
  return (
    <Section title="Faults on the running mesh">
      <Problem error={error} />
      <Table
        caption="Faults in force"
        columns={[
          { title: 'Fault', cell: ({ id }) => id, by: ({ id }) => id },
          { title: 'Service', cell: ({ service }) => service, by: ({ service }) => service },
          { title: 'Route', cell: ({ route }) => route ?? '–' },
          { title: 'Effect', cell: ({ effect }) => effect },
          {
            title: 'Ends in',
            cell: ({ expiresAt }) => (expiresAt === null ? '–' : age(Date.parse(expiresAt) - Date.now())),
            number: true,
          },
          {
            title: 'Change',
            cell: ({ id }) => (
              <button type="button" disabled={busy} aria-label={`Remove ${id}`} onClick={() => void change(() => remove([id]))}>
                Remove
              </button>
            ),
          },
        ]}
        rows={faults}
        keyOf={({ id }) => id}
        empty="None. Faults of mesh.yaml are in the configuration."
      />
      <AddFault
        services={[...new Set(status.workloads.filter(({ kind }) => kind === 'service').map(({ service }) => service))].sort()}
        busy={busy}
        onAdd={form => void change(async () => [...faults, await post<FaultStatus>('/v1/faults', form)])}
      />
    </Section>
  );
}

interface AddFaultProps {
  readonly services: readonly string[];
  readonly busy: boolean;
  readonly onAdd: (request: object) => void;
}

function AddFault({ services, busy, onAdd }: AddFaultProps): VNode {
  const [form, setForm] = useState<FaultForm>({ service: '', kind: 'delay', value: usual.delay, percent: '100', minutes: '5' });
  const [problem, setProblem] = useState('');
  const set = (more: Partial<FaultForm>): void => setForm({ ...form, ...more });
  const add = (event: Event): void => {
    event.preventDefault();
    const request = faultRequest(form);
    setProblem(typeof request === 'string' ? request : '');
    if (typeof request !== 'string') onAdd(request);
  };
  return (
    <form class="fault-form" aria-label="Add a fault" onSubmit={add}>
      <Field label="Service" value={form.service} list={services} onChange={service => set({ service })} />
      <Choice label="Kind" options={kinds} value={form.kind} onChange={kind => set({ kind, value: usual[kind] })} />
      <Field label={form.kind === 'delay' ? 'ms' : 'status'} value={form.value} onChange={value => set({ value })} />
      <Field label="percent" value={form.percent} onChange={percent => set({ percent })} />
      <Field label="minutes" value={form.minutes} placeholder="until removed" onChange={minutes => set({ minutes })} />
      <button type="submit" disabled={busy}>
        Add the fault
      </button>
      {problem === '' ? null : (
        <span class="wrong" role="alert">
          {problem}
        </span>
      )}
    </form>
  );
}
