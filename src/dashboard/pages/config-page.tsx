import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { ConfigDocument, StatusDocument } from '../../api/types.ts';
import { usePolled } from '../server/live.ts';
import { address, setQuery } from '../view/address.ts';
import { Choice, PageHead, Problem, Section } from '../view/parts.tsx';
import { EngineState } from './config/engine-state.tsx';
import { Faults } from './config/faults.tsx';
import { LastReload } from './config/last-reload.tsx';
import { Sidecars } from './config/sidecars.tsx';
import { yamlSections } from './config/text-sections.ts';
import { TextView } from './config/text-view.tsx';

const views = [
  ['', 'Configuration'],
  ['sidecars', 'Sidecars'],
  ['faults', 'Faults'],
] as const;

/** What is in force, how it came there, and who follows it. */
export function ConfigPage({ status }: { readonly status: StatusDocument | null }): VNode {
  const asked = address.value.query.get('view');
  const view = views.find(([name]) => name === asked)?.[0] ?? '';
  return (
    <>
      <PageHead title="Config">
        <Choice
          label="What"
          options={views}
          value={view}
          onChange={value => setQuery({ view: value, find: '', section: '', pick: '', what: '' })}
        />
      </PageHead>
      {status === null ? null : view === 'sidecars' ? (
        <Sidecars workloads={status.workloads} />
      ) : view === 'faults' ? (
        <Faults status={status} />
      ) : (
        <>
          <LastReload status={status} />
          <EngineState status={status} />
          <InForce version={status.config.version} />
        </>
      )}
    </>
  );
}

/** The resolved configuration; asked for again when it is another one. */
function InForce({ version }: { readonly version: string }): VNode {
  const { value, error } = usePolled<ConfigDocument>('/v1/config', null, version);
  const sections = useMemo(() => yamlSections(value?.text ?? ''), [value]);
  return (
    <Section title="In force: every default filled, as `mesh config --running` prints it">
      <Problem error={error} />
      {value === null ? null : <TextView label="the configuration" sections={sections} />}
      <p class="quiet">Values of variables that are named like secrets are not shown.</p>
    </Section>
  );
}
