import type { VNode } from 'preact';
import type { SeenCallsDocument } from '../../../api/access.ts';
import type { CallError } from '../../server/call.ts';
import { hrefOf } from '../../view/address.ts';
import { count } from '../../view/figures.ts';
import { Badge, type Health, Problem, Section } from '../../view/parts.tsx';
import { Table } from '../../view/table.tsx';
import { cellText, type GridCell, type Mark, nobody } from './access-grid.ts';
import { CheckForm } from './check-form.tsx';
import { CopyText } from './copy-text.tsx';
import { callsBetween, narrowSuggestion, suggestions } from './rule-suggestion.ts';

/** The calls that sidecars see while somebody wants to know. */
export interface Watch {
  readonly on: boolean;
  /** `null`: nothing was told yet. */
  readonly seen: SeenCallsDocument | null;
  readonly error: CallError | null;
  readonly set: (on: boolean) => void;
}

interface CellPanelProps {
  readonly cell: GridCell;
  /** Whether there are rules at all. */
  readonly ruled: boolean;
  /** SPIFFE ID by name of a service or gateway. */
  readonly identities: ReadonlyMap<string, string>;
  /** `15 min` */
  readonly during: string;
  readonly watch: Watch;
}

const healths: Readonly<Record<Mark, Health>> = { used: 'good', unused: 'warn', tried: 'bad', depends: 'warn', closed: 'idle' };

/** All that is known of one caller and one service. */
export function CellPanel({ cell, ruled, identities, during, watch }: CellPanelProps): VNode {
  const { from, to, doors, mark } = cell;
  const name = from ?? nobody;
  return (
    <div class="cell-panel">
      <div>
        <Section title={`${name} → ${to}`}>
          <p>
            <Badge health={healths[mark]}>{cellText(cell)}</Badge> <span class="quiet">in the last {during}</span>
          </p>
          {mark === 'unused' ? <p>Nobody used it: it could be taken away.</p> : null}
          <Table
            caption={`Ports of ${to}`}
            columns={[
              { title: 'Port', cell: ({ port }) => port, number: true },
              { title: 'Verdict', cell: ({ verdict }) => verdict },
              {
                title: 'Rules that decide',
                cell: ({ rules, verdict }) =>
                  rules.join(', ') || (verdict === 'allowed' ? (ruled ? 'by default' : 'there are none') : 'no rule allows it'),
              },
            ]}
            rows={doors}
            keyOf={({ port }) => String(port)}
            empty=""
          />
          <dl class="known ends">
            <div>
              <dt>From</dt>
              <dd>{from === null ? 'no identity: from the host, or plaintext' : (identities.get(from) ?? from)}</dd>
            </div>
            <div>
              <dt>To</dt>
              <dd>{identities.get(to) ?? to}</dd>
            </div>
          </dl>
          <p>
            <a href={hrefOf('requests', { to, ...(from === null ? {} : { from }) })}>Live requests</a>
            {' · '}
            <a href={hrefOf('requests', { to, ...(from === null ? {} : { from }), status: '403' })}>Live refusals</a>
          </p>
        </Section>
        <Section title="Would this be let in?">
          <CheckForm key={`${name} ${to}`} from={from ?? 'nobody'} to={to} port={doors[0]?.port ?? 80} />
        </Section>
      </div>
      <div>
        <Section title="Calls by method and path">
          <SeenCalls from={from} to={to} watch={watch} />
        </Section>
        <Section title="Rules to write">
          {ruled ? null : <p class="quiet">There are no rules: the first one that allows something refuses everything else.</p>}
          {[...suggestions(cell), ...seenSuggestion(cell, watch)].map(({ title, yaml }) => (
            <CopyText key={title} title={title} text={yaml} />
          ))}
        </Section>
      </div>
    </div>
  );
}

function seenSuggestion({ from, to }: GridCell, { seen }: Watch): ReturnType<typeof suggestions> {
  const narrow = narrowSuggestion(from, to, callsBetween(seen?.calls ?? [], from, to));
  return narrow === null ? [] : [narrow];
}

/** What the sidecars of the called see from now on. Counting costs them a little: only while it is asked for. */
function SeenCalls({ from, to, watch }: { readonly from: string | null; readonly to: string; readonly watch: Watch }): VNode {
  const { on, seen, error } = watch;
  return (
    <>
      <p>
        <button type="button" aria-pressed={on} onClick={() => watch.set(!on)}>
          {on ? 'Stop watching' : 'Watch calls'}
        </button>{' '}
        <span class="quiet">sidecars tell methods and paths only while somebody watches</span>
      </p>
      <Problem error={error} />
      {seen === null ? null : (
        <Table
          caption={`Calls from ${from ?? nobody} to ${to}`}
          columns={[
            { title: 'Method', cell: ({ method }) => method || 'TCP', by: ({ method }) => method },
            { title: 'Path', cell: ({ path }) => <code>{path}</code>, by: ({ path }) => path },
            { title: 'Port', cell: ({ port }) => port, number: true },
            {
              title: 'By the rules',
              cell: ({ allowed }) => <Badge health={allowed ? 'good' : 'bad'}>{allowed ? 'let in' : 'refused'}</Badge>,
              by: ({ allowed }) => String(allowed),
            },
            { title: 'Calls', cell: ({ calls }) => count(calls), by: ({ calls }) => calls, number: true },
          ]}
          rows={callsBetween(seen.calls, from, to)}
          keyOf={({ method, path, port, allowed }) => `${method} ${path} ${port} ${allowed}`}
          empty="No call since the watch began."
        />
      )}
      {seen?.more === true ? <p class="quiet">A sidecar saw more kinds of calls than it keeps.</p> : null}
      {seen === null || seen.unasked.length === 0 ? null : <p class="quiet">Could not be asked: {seen.unasked.join(', ')}</p>}
    </>
  );
}
