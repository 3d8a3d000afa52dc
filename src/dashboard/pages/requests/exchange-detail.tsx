import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { TapBody, TapExchange } from '../../../api/tap.ts';
import { escapeLine } from '../../../text/escape.ts';
import { hrefOf } from '../../view/address.ts';
import { Fact } from '../../view/facts.tsx';
import { bytes, duration, preciseTime } from '../../view/figures.ts';
import { flagWords } from '../../view/flag-words.ts';
import { Badge } from '../../view/parts.tsx';
import { useEscape } from '../../view/row-keys.ts';
import { shownBody } from './body-lines.ts';
import { curlOf } from './curl.ts';
import { calledOf, callerOf, healthOf, requestOf, statusOf } from './exchange-words.ts';
import type { Entry } from './tap-list.ts';

/** All that is known of one request, or of a raw TCP connection. */
export function ExchangeDetail({ line, onClose }: { readonly line: Entry['line']; readonly onClose: () => void }): VNode {
  const flag = flagWords(line.flag);
  useEscape(onClose);
  return (
    <aside class="card detail" aria-label="The request">
      <header>
        <h2>{requestOf(line)}</h2>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </header>
      <p class="detail-state">
        {line.kind === 'exchange' ? <Badge health={healthOf(line)}>{statusOf(line)}</Badge> : null}
        {line.flag === '-' ? null : (
          <span>
            <strong>{escapeLine(line.flag)}</strong>
            {flag === '' ? '' : ` – ${flag}`}
          </span>
        )}
      </p>
      {line.kind === 'exchange' ? <Ways exchange={line} /> : null}
      <dl class="facts">
        <Fact name="From" value={callerOf(line)} />
        <Fact name="To" value={calledOf(line)} />
        <Fact name="Identity" value={line.principal} />
        <Fact name="Caller’s address" value={line.remoteAddress} />
        <Fact name="Called address" value={line.upstreamAddress} />
        {line.kind === 'exchange' ? (
          <>
            <Fact name="Host" value={line.authority} />
            <Fact name="Protocol" value={line.protocol} />
            <Fact name="Details" value={line.details} />
            <Fact name="Rule" value={line.rule} />
            <Fact name="Request id" value={line.requestId} />
            <Fact name="Trace" value={line.traceId ?? ''} />
          </>
        ) : null}
        <Fact name="Started" value={preciseTime(line.startMs)} />
        {line.kind === 'connection' && line.phase === 'opened' ? null : (
          <>
            <Fact name="Took" value={duration(line.durationMs)} />
            <Fact name="Bytes" value={`${bytes(line.bytesReceived)} in, ${bytes(line.bytesSent)} out`} />
          </>
        )}
        <Fact name="Seen at" value={`${line.at} (${line.side})`} />
      </dl>
      {line.kind === 'exchange' ? (
        <>
          <Half title="Request" fields={line.requestHeaders} body={line.requestBody} none="It came without headers." />
          <Half
            title="Answer"
            fields={line.responseHeaders}
            body={line.responseBody}
            none={line.status === 0 ? 'There was none.' : 'The sidecar answered itself.'}
          />
        </>
      ) : null}
    </aside>
  );
}

function Ways({ exchange }: { readonly exchange: TapExchange }): VNode {
  const [copied, setCopied] = useState<readonly [TapExchange, string] | null>(null);
  const { command, note } = curlOf(exchange);
  const said = copied?.[0] === exchange ? copied[1] : '';
  const copy = (): void => {
    navigator.clipboard.writeText(command).then(
      () => setCopied([exchange, 'Copied.']),
      () => setCopied([exchange, 'The browser did not allow it.']),
    );
  };
  return (
    <>
      <p class="ways">
        {exchange.traceId === null ? null : <a href={hrefOf('traces', {}, exchange.traceId)}>Show the trace</a>}
        <button type="button" onClick={copy}>
          Copy as curl
        </button>
        <span role="status">
          {said}
          {said === 'Copied.' && note !== '' ? ` ${note}` : ''}
        </span>
      </p>
      <details>
        <summary>As a command</summary>
        <pre class="wrapped">{command}</pre>
        {note === '' ? null : <p class="quiet">{note}</p>}
      </details>
    </>
  );
}

/** Head and body of one way. */
function Half({
  title,
  fields,
  body,
  none,
}: {
  readonly title: string;
  readonly fields: TapExchange['requestHeaders'];
  readonly body: TapBody | null;
  readonly none: ComponentChildren;
}): VNode {
  const encoding = fields.find(([name]) => name === 'content-encoding')?.[1] ?? '';
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      {fields.length === 0 ? (
        <p class="quiet">{none}</p>
      ) : (
        <dl class="facts mono">
          {fields.map(([name, value], index) => (
            // A header may come twice, and the list never changes.
            <Fact key={index} name={name} value={value || '(empty)'} />
          ))}
        </dl>
      )}
      {body === null ? null : <Body body={body} encoding={encoding} />}
    </section>
  );
}

function Body({ body, encoding }: { readonly body: TapBody; readonly encoding: string }): VNode {
  if (body.base64 === '') return <p class="quiet">No body.</p>;
  const { form, text, bytes: length } = shownBody(body);
  return (
    <>
      <p class="quiet">
        {body.cut ? 'The first ' : ''}
        {bytes(length)} of the body, as {form}
        {encoding === '' ? '' : `, encoded: ${escapeLine(encoding)}`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by key. */}
      <pre class="body" tabIndex={0}>
        {text}
      </pre>
    </>
  );
}
