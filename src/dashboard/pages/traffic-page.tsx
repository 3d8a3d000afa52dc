import type { VNode } from 'preact';
import type { StatusDocument } from '../../api/types.ts';
import { PageHead } from '../view/parts.tsx';

/** Traffic. */
export function TrafficPage({ status }: { readonly status: StatusDocument | null }): VNode {
  return <PageHead title="Traffic">{status === null ? null : <span>{status.project}</span>}</PageHead>;
}
