import type { SpanDocument } from '../../../api/trace.ts';

/** A stretch of time, ms since epoch. */
export type Stretch = readonly [fromMs: number, toMs: number];

/** A span in its place. */
export interface SpanNode {
  readonly span: SpanDocument;
  readonly parent: SpanNode | null;
  /** In order of their start. */
  readonly children: readonly SpanNode[];
  readonly depth: number;
  /**
   * Why it stands here. `parent`: its parent says so; `time`: its parent is not the mesh's (of the app itself), and its workload served
   * one request of the trace at that time; `root`: it has no parent; `torn`: its parent is not here.
   */
  readonly placed: 'parent' | 'time' | 'root' | 'torn';
  /** When it waited for nothing below it: at the called side the app at work, at the calling side network and proxies. */
  readonly own: readonly Stretch[];
  /** When the whole waited for it, and for nothing below it. */
  readonly critical: readonly Stretch[];
}

interface Building {
  readonly span: SpanDocument;
  parent: Building | null;
  readonly children: Building[];
  depth: number;
  placed: SpanNode['placed'];
  own: readonly Stretch[];
  critical: Stretch[];
}

/** The end of a span, ms since epoch. */
export function endOf({ startMs, durationMs }: SpanDocument): number {
  return startMs + durationMs;
}

/** So much time in all, in ms. */
export function lengthOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((all, [from, to]) => all + to - from, 0);
}

/** Spans as a forest, all of them, however their parents are: callers before whom they called, in order of their start. */
export function treeOf(spans: readonly SpanDocument[]): readonly SpanNode[] {
  const nodes = spans
    .toSorted(before)
    .map((span): Building => ({ span, parent: null, children: [], depth: 0, placed: 'root', own: [], critical: [] }));
  const byId = new Map(nodes.map(node => [node.span.spanId, node]));
  for (const node of nodes) place(node, byId, nodes);
  const roots = nodes.filter(({ parent }) => parent === null);
  const sink = (node: Building, depth: number): void => {
    node.depth = depth;
    node.children.sort((a, b) => before(a.span, b.span));
    node.own = ownOf(node);
    for (const child of node.children) sink(child, depth + 1);
  };
  for (const root of roots) {
    sink(root, 0);
    markCritical(root, endOf(root.span));
  }
  return roots;
}

/** The nodes of some trees, each followed by what is below it; what is below a closed one is left out. */
export function inOrder(nodes: readonly SpanNode[], closed: ReadonlySet<string>): readonly SpanNode[] {
  return nodes.flatMap(node => [node, ...(closed.has(node.span.spanId) ? [] : inOrder(node.children, closed))]);
}

function before(a: SpanDocument, b: SpanDocument): number {
  // A caller's span begins before the called one's, also where the clock does not tell.
  return a.startMs - b.startMs || Number(a.kind === 'server') - Number(b.kind === 'server');
}

function place(node: Building, byId: ReadonlyMap<string, Building>, nodes: readonly Building[]): void {
  const { parentId } = node.span;
  if (parentId === null) return;
  const parent = byId.get(parentId);
  if (parent !== undefined) {
    // Parents in a circle are nobody's.
    if (isBelow(parent, node)) node.placed = 'torn';
    else put(node, parent, 'parent');
    return;
  }
  node.placed = 'torn';
  if (node.span.kind === 'server') return;
  const served = nodes.filter(
    ({ span }) => span.kind === 'server' && span.workload === node.span.workload && spans(span, node.span.startMs),
  );
  const [only] = served;
  if (served.length === 1 && only !== undefined && !isBelow(only, node)) put(node, only, 'time');
}

function put(node: Building, parent: Building, placed: SpanNode['placed']): void {
  node.parent = parent;
  node.placed = placed;
  parent.children.push(node);
}

function isBelow(node: Building, above: Building): boolean {
  for (let each: Building | null = node; each !== null; each = each.parent) if (each === above) return true;
  return false;
}

function spans(span: SpanDocument, ms: number): boolean {
  return span.startMs <= ms && ms <= endOf(span);
}

/** A child as its parent's clock has it: one that is short enough was within. */
function fitted(child: SpanDocument, parent: SpanDocument): Stretch {
  const [first, last] = [parent.startMs, endOf(parent)];
  const shift = child.durationMs > parent.durationMs ? 0 : Math.max(0, first - child.startMs) + Math.min(0, last - endOf(child));
  return [Math.max(first, child.startMs + shift), Math.min(last, endOf(child) + shift)];
}

function ownOf({ span, children }: Building): readonly Stretch[] {
  const own: Stretch[] = [];
  let at = span.startMs;
  for (const [from, to] of children.map(child => fitted(child.span, span)).sort((a, b) => a[0] - b[0])) {
    if (from > at) own.push([at, from]);
    at = Math.max(at, to);
  }
  if (endOf(span) > at) own.push([at, endOf(span)]);
  return own;
}

/** From the end backwards: the child that ended last is what was waited for. */
function markCritical(node: Building, untilMs: number): void {
  let at = Math.min(untilMs, endOf(node.span));
  for (const child of node.children.toSorted((a, b) => endOf(b.span) - endOf(a.span))) {
    const [from, to] = fitted(child.span, node.span);
    // It ran beside the one that was waited for.
    if (to > at || to <= from) continue;
    if (at > to) node.critical.unshift([to, at]);
    // What went on after its caller had gone was waited for by nobody.
    markCritical(child, child.span.durationMs > node.span.durationMs ? endOf(node.span) : endOf(child.span));
    at = from;
  }
  if (at > node.span.startMs) node.critical.unshift([node.span.startMs, at]);
}
