import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { AccessCheckDocument } from '../../../api/access.ts';
import { actionText, judgementText, matchText } from '../../../text/judgement-text.ts';
import { CallError, callErrorOf, post } from '../../server/call.ts';
import { Badge, Field, Problem } from '../../view/parts.tsx';
import { Table } from '../../view/table.tsx';

interface CheckFormProps {
  /** Service, gateway or `nobody`. */
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

const healths = { allowed: 'good', denied: 'bad', asks: 'warn' } as const;

/** Asks the sidecars what they would do with a request that nobody sends. */
export function CheckForm({ from, to, port }: CheckFormProps): VNode {
  const [method, setMethod] = useState('GET');
  const [url, setUrl] = useState(`http://${to}:${port}/`);
  const [header, setHeader] = useState('');
  const [answer, setAnswer] = useState<AccessCheckDocument | CallError | null>(null);
  const ask = (event: Event): void => {
    event.preventDefault();
    const [name = '', ...value] = header.split(':');
    const headers = header === '' ? [] : [[name.trim(), value.join(':').trim()]];
    const body = { from, method: method.toUpperCase(), url, headers };
    void post<AccessCheckDocument>('/v1/access/check', body).catch(callErrorOf).then(setAnswer);
  };
  return (
    <>
      <form class="check-form" aria-label={`A request of ${from}`} onSubmit={ask}>
        <Field label="Method" value={method} onChange={setMethod} />
        <Field label="URL" value={url} onChange={setUrl} />
        <Field label="Header" value={header} placeholder="end-user: jason" onChange={setHeader} />
        <button type="submit">Ask</button>
      </form>
      <div aria-live="polite">
        {answer === null ? null : answer instanceof CallError ? <Problem error={answer} /> : <Answer document={answer} />}
      </div>
    </>
  );
}

function Answer({ document: { from, principal, note, destinations } }: { readonly document: AccessCheckDocument }): VNode {
  return (
    <>
      <p class="quiet">
        {from} ({principal ?? 'no identity'})
      </p>
      {destinations.map(judged => (
        <div key={`${judged.workload} ${judged.port}`} class="judged">
          <p>
            <Badge health={healths[judged.verdict]}>{judged.verdict === 'asks' ? 'depends' : judged.verdict}</Badge>{' '}
            {judgementText(judged)}
          </p>
          {judged.rules.length === 0 ? null : (
            <Table
              caption={`Rules of ${judged.service}`}
              columns={[
                { title: 'Rule', cell: ({ name }) => name },
                { title: 'Action', cell: actionText },
                { title: 'Does it match', cell: matchText },
              ]}
              rows={judged.rules}
              keyOf={({ name }) => name}
              empty=""
            />
          )}
        </div>
      ))}
      {note === '' ? null : <p>{note}</p>}
    </>
  );
}
