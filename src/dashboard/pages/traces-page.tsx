import type { VNode } from 'preact';
import type { BrokenPropagationDocument } from '../../api/trace.ts';
import type { StatusDocument } from '../../api/types.ts';
import { usePolled } from '../server/live.ts';
import { address, setQuery } from '../view/address.ts';
import { Choice, PageHead } from '../view/parts.tsx';
import { BrokenList } from './traces/broken-list.tsx';
import { TraceList } from './traces/trace-list.tsx';
import { TraceView } from './traces/trace-view.tsx';

const brokenEveryMs = 5_000;

/** Requests with all their hops. */
export function TracesPage({ status }: { readonly status: StatusDocument | null }): VNode {
  const { id } = address.value;
  return id === '' ? <Lists status={status} /> : <TraceView key={id} id={id} />;
}

function Lists({ status }: { readonly status: StatusDocument | null }): VNode {
  const broken = usePolled<BrokenPropagationDocument>('/v1/traces/broken', brokenEveryMs);
  const found = broken.value?.services.length ?? 0;
  const view = address.value.query.get('view') === 'broken' ? 'broken' : '';
  return (
    <>
      <PageHead title="Traces">
        <Choice
          label="View"
          options={[
            ['', 'Last traces'],
            ['broken', found === 0 ? 'Broken propagation' : `Broken propagation (${found})`],
          ]}
          value={view}
          onChange={next => setQuery({ view: next })}
        />
      </PageHead>
      {view === 'broken' ? <BrokenList {...broken} /> : <TraceList status={status} />}
    </>
  );
}
