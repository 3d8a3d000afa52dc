import type { VNode } from 'preact';
import type { StatusDocument } from '../../api/types.ts';
import { PageHead } from '../view/parts.tsx';

/** Events. */
export function EventsPage({ status }: { readonly status: StatusDocument | null }): VNode {
  return <PageHead title="Events">{status === null ? null : <span>{status.project}</span>}</PageHead>;
}
