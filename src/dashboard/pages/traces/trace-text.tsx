import type { VNode } from 'preact';
import { escapeLine } from '../../../text/escape.ts';
import { hrefOf } from '../../view/address.ts';

/** A text in which `mesh trace <id>` leads to that trace. */
export function TraceText({ text }: { readonly text: string }): VNode {
  // Every second part is an id.
  const parts = text.split(/`mesh trace ([0-9a-f]{32})`/);
  return (
    <>{parts.map((part, index) => (index % 2 === 0 ? escapeLine(part) : <TraceLink key={`${index} ${part}`} id={part} />))}</>
  );
}

/** A link to a trace by its short id. */
export function TraceLink({ id }: { readonly id: string }): VNode {
  return (
    <a class="mono" href={hrefOf('traces', {}, id)}>
      trace {escapeLine(id.slice(0, 8))}
    </a>
  );
}
