import type { VNode } from 'preact';
import type { StatusDocument } from '../../api/types.ts';
import { PageHead } from '../view/parts.tsx';

/** Config. */
export function ConfigPage({ status }: { readonly status: StatusDocument | null }): VNode {
  return <PageHead title="Config">{status === null ? null : <span>{status.project}</span>}</PageHead>;
}
