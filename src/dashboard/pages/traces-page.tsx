import type { VNode } from 'preact';
import type { StatusDocument } from '../../api/types.ts';
import { PageHead } from '../view/parts.tsx';

/** Traces. */
export function TracesPage({ status }: { readonly status: StatusDocument | null }): VNode {
  return <PageHead title="Traces">{status === null ? null : <span>{status.project}</span>}</PageHead>;
}
