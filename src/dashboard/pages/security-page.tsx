import type { VNode } from 'preact';
import type { StatusDocument } from '../../api/types.ts';
import { PageHead } from '../view/parts.tsx';

/** Security. */
export function SecurityPage({ status }: { readonly status: StatusDocument | null }): VNode {
  return <PageHead title="Security">{status === null ? null : <span>{status.project}</span>}</PageHead>;
}
