import type { VNode } from 'preact';
import type { StatusDocument } from '../../api/types.ts';
import { address, setQuery } from './address.ts';
import { Field } from './parts.tsx';

/** A text of the page's address that narrows down what is shown. */
export function QueryField({
  label,
  name,
  placeholder,
  list = [],
}: {
  readonly label: string;
  /** Of the parameter. */
  readonly name: string;
  readonly placeholder: string;
  /** What may be meant. */
  readonly list?: readonly string[];
}): VNode {
  return (
    <Field
      label={label}
      value={address.value.query.get(name) ?? ''}
      placeholder={placeholder}
      {...(list.length > 0 && { list })}
      onChange={value => setQuery({ [name]: value })}
    />
  );
}

/** Services and gateways, for such a field. */
export function namesOf(status: StatusDocument | null): readonly string[] {
  if (status === null) return [];
  return [...new Set([...status.workloads.map(({ service }) => service), ...status.gateways.map(({ name }) => name)])];
}
