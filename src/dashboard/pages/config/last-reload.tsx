import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { ReloadResult, StatusDocument } from '../../../api/types.ts';
import { CallError, callErrorOf, post } from '../../server/call.ts';
import { age, duration, time } from '../../view/figures.ts';
import { Badge, Problem, Section } from '../../view/parts.tsx';

const kinds: Readonly<Record<ReloadResult['kind'], string>> = {
  none: 'found nothing to change',
  routing: 'rules only, no container was touched',
  services: 'containers were changed',
  rejected: 'rejected',
};

/** What was read last and what came of it, and what is wrong with the files now. */
export function LastReload({ status }: { readonly status: StatusDocument }): VNode {
  const { file, version, lastReload, diagnostics } = status.config;
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const [asked, setAsked] = useState<ReloadResult | CallError | 'reading' | null>(null);
  const reload = async (): Promise<void> => {
    setAsked('reading');
    setAsked(await post<ReloadResult>('/v1/reload', {}).catch(callErrorOf));
  };
  const result = asked !== null && asked !== 'reading' && !(asked instanceof CallError) ? newer(asked, lastReload) : lastReload;
  return (
    <>
      <Section title="Last reload">
        <div class="reload">
          <dl class="known">
            <Fact name="File">{file}</Fact>
            <Fact name="In force">
              <code>{version}</code>
            </Fact>
            {result === null ? (
              <Fact name="Reload">none since the daemon began</Fact>
            ) : (
              <>
                <Fact name="Reload">
                  <Badge health={result.ok ? 'good' : 'bad'}>{result.ok ? 'ok' : 'rejected'}</Badge> {result.summary}
                </Fact>
                <Fact name="Kind">{kinds[result.kind]}</Fact>
                <Fact name="When">
                  <time dateTime={result.at}>{time(Date.parse(result.at))}</time>, {age(Date.now() - Date.parse(result.at))} ago
                </Fact>
                <Fact name="Took">
                  {duration(result.durationMs)}
                  {result.sinceSavedMs === null || result.kind === 'none' || !result.ok
                    ? ''
                    : `, ${duration(result.sinceSavedMs)} from the save to the last ack`}
                </Fact>
              </>
            )}
          </dl>
          <button type="button" disabled={asked === 'reading'} onClick={() => void reload()}>
            {asked === 'reading' ? 'Reading …' : 'Reload now'}
          </button>
        </div>
        <Problem error={asked instanceof CallError ? asked : null} />
        <p class="unseen" role="status">
          {asked === null || asked === 'reading' || asked instanceof CallError ? '' : `Reloaded: ${asked.summary}`}
        </p>
      </Section>
      {diagnostics.length === 0 ? null : (
        <Section title={titleOf(errors, diagnostics.length - errors)}>
          {errors === 0 ? null : <p class="keeps">The last good configuration keeps serving until the file has no errors.</p>}
          {diagnostics.map(({ severity, code, text }) => (
            <figure key={text} class={`diagnostic ${severity}`}>
              <figcaption>
                <Badge health={severity === 'error' ? 'bad' : 'warn'}>{severity}</Badge> <span class="quiet">{code}</span>
              </figcaption>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by key. */}
              <pre tabIndex={0}>{text}</pre>
            </figure>
          ))}
        </Section>
      )}
    </>
  );
}

/** The button's own answer comes before the next status. */
function newer(asked: ReloadResult, last: ReloadResult | null): ReloadResult {
  return last !== null && Date.parse(last.at) > Date.parse(asked.at) ? last : asked;
}

function titleOf(errors: number, warnings: number): string {
  const many = (count: number, thing: string): string => (count === 0 ? '' : `${count} ${thing}${count === 1 ? '' : 's'}`);
  return [many(errors, 'error'), many(warnings, 'warning')].filter(part => part !== '').join(', ');
}

/** A name with what is known of it. */
function Fact({ name, children }: { readonly name: string; readonly children: VNode | string | (VNode | string)[] }): VNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
