import type { VNode } from 'preact';
import type { StatusDocument } from '../../api/types.ts';
import { PageHead } from '../view/parts.tsx';

/** Requests. */
export function RequestsPage({ status }: { readonly status: StatusDocument | null }): VNode {
  return <PageHead title="Requests">{status === null ? null : <span>{status.project}</span>}</PageHead>;
}
