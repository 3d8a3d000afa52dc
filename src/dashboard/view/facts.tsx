import type { VNode } from 'preact';
import { escapeLine } from '../../text/escape.ts';

/** One line of a `<dl class="facts">`; none where there is nothing to say. The value may be anybody's. */
export function Fact({ name, value }: { readonly name: string; readonly value: string }): VNode | null {
  if (value === '') return null;
  return (
    <>
      <dt>{escapeLine(name)}</dt>
      <dd>{escapeLine(value)}</dd>
    </>
  );
}
