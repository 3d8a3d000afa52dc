import type { VNode } from 'preact';
import type { StatusDocument } from '../../api/types.ts';
import { PageHead } from '../view/parts.tsx';

/** Map. */
export function MapPage({ status }: { readonly status: StatusDocument | null }): VNode {
  return <PageHead title="Map">{status === null ? null : <span>{status.project}</span>}</PageHead>;
}
