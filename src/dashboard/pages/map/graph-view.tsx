import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { themeColour, useTheme } from '../../view/theme.ts';
import { edgeFacts, nodeFacts } from './facts-text.ts';
import type { GraphCanvas } from './graph-canvas.ts';
import type { MapModel } from './map-model.ts';
import { firstNode, isDirection, neighbourOf } from './neighbour.ts';

/** The map, and what is chosen on it. */
export interface GraphViewProps {
  readonly model: MapModel;
  /** Another one is another choice of what is shown: it is arranged anew. */
  readonly choice: string;
  readonly selected: string;
  readonly moving: boolean;
  readonly onSelect: (id: string) => void;
  /** Beneath it. */
  readonly children?: ComponentChildren;
}

/** The graph with its buttons and keys. Who cannot see it finds the same in the tables beside it. */
export function GraphView({ model, choice, selected, moving, onSelect, children }: GraphViewProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const [canvas, setCanvas] = useState<GraphCanvas | null>(null);
  const [problem, setProblem] = useState('');
  const theme = useTheme();
  const shown = useRef<string | null>(null);
  // What was clicked is in sight already.
  const clicked = useRef('');
  // Whose edges are gone through by key.
  const hub = useRef('');
  if (selected === '' || model.nodes.some(({ id }) => id === selected)) hub.current = selected;

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let made: GraphCanvas | null = null;
    let gone = false;
    const fail = (): void =>
      setProblem('The graph could not be loaded: reload the page when the daemon is back. The tables show the same.');
    const select = (id: string): void => {
      clicked.current = id;
      onSelect(id);
    };
    import('./graph-canvas.ts').then(loaded => {
      if (gone) return;
      made = new loaded.GraphCanvas(element, select, fail);
      setCanvas(made);
    }, fail);
    return () => {
      gone = true;
      made?.close();
    };
  }, []);
  useEffect(() => canvas?.paint(themeColour), [canvas, theme]);
  useEffect(() => {
    if (canvas === null) return;
    canvas.show(model, shown.current !== choice);
    shown.current = choice;
  }, [canvas, model, choice]);
  useEffect(() => canvas?.select(selected, clicked.current !== selected), [canvas, selected]);
  useEffect(() => canvas?.move(moving), [canvas, moving]);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (canvas === null || event.altKey || event.ctrlKey || event.metaKey) return;
    if (!pressed(event.key, event.shiftKey, canvas)) return;
    event.preventDefault();
  };
  const pressed = (key: string, back: boolean, canvas: GraphCanvas): boolean => {
    if (key === '+' || key === '=') canvas.zoom(1);
    else if (key === '-') canvas.zoom(-1);
    else if (key === '0' || key === 'f') canvas.fit();
    else if (key === 'a') canvas.arrange();
    else if (key === 'Escape') onSelect('');
    else if (key === 'e' || key === 'E') onSelect(nextEdge(model, hub.current, selected, back) ?? selected);
    else if (isDirection(key)) onSelect(next(canvas, key) ?? selected);
    else return false;
    return true;
  };
  const next = (canvas: GraphCanvas, direction: Parameters<typeof neighbourOf>[1]): string | null => {
    const places = new Map(model.nodes.flatMap(({ id }) => [[id, canvas.placeOf(id)] as const]).filter(isPlaced));
    const edge = model.edges.find(({ id }) => id === selected);
    // From an edge to its ends.
    if (edge !== undefined) return direction === 'ArrowLeft' || direction === 'ArrowUp' ? edge.source : edge.target;
    if (!places.has(selected)) return firstNode(places, id => model.edges.some(({ target }) => target === id));
    const isJoined = (one: string, other: string): boolean =>
      model.edges.some(each => (each.source === one && each.target === other) || (each.source === other && each.target === one));
    return neighbourOf(selected, direction, places, isJoined);
  };

  return (
    <>
      <div class="map-graph">
        {/* biome-ignore-start lint/a11y/noNoninteractiveTabindex: it has keys of its own. */}
        <div
          ref={place}
          class="map-canvas"
          role="application"
          aria-roledescription="graph"
          aria-label={`Graph of ${model.nodes.length} services and versions with ${model.edges.length} edges`}
          aria-describedby="map-keys"
          tabIndex={0}
          onKeyDown={onKeyDown}
        />
        {/* biome-ignore-end lint/a11y/noNoninteractiveTabindex: . */}
        <p id="map-keys" class="unseen">
          Arrow keys go to neighbours, e to the next edge of the chosen node, Escape chooses nothing. Plus and minus zoom, 0 shows
          all, a arranges. The tables beside the graph have all of it as text.
        </p>
        <p class="unseen" role="status">
          {spoken(model, selected)}
        </p>
        {problem === '' ? null : <p class="problem map-over">{problem}</p>}
      </div>
      <div class="map-under">
        {children}
        <div class="map-buttons">
          <button type="button" aria-label="Zoom in" title="Zoom in (+)" onClick={() => canvas?.zoom(1)}>
            +
          </button>
          <button type="button" aria-label="Zoom out" title="Zoom out (−)" onClick={() => canvas?.zoom(-1)}>
            −
          </button>
          <button type="button" title="All of it in the window (0)" onClick={() => canvas?.fit()}>
            Fit
          </button>
          <button type="button" title="Find places for all nodes again (a)" onClick={() => canvas?.arrange()}>
            Arrange
          </button>
        </div>
      </div>
    </>
  );
}

/** The next edge of a node, or of all. */
function nextEdge({ edges }: MapModel, node: string, selected: string, back: boolean): string | null {
  const own = edges.filter(({ source, target }) => node === '' || source === node || target === node);
  const at = own.findIndex(({ id }) => id === selected);
  const step = back ? -1 : 1;
  return own[at < 0 ? 0 : (at + step + own.length) % own.length]?.id ?? null;
}

/** Said when another one is chosen, not at every update: figures that change are in the panel. */
function spoken({ nodes, edges }: MapModel, selected: string): string {
  const node = nodes.find(({ id }) => id === selected);
  if (node !== undefined) return nodeFacts(node);
  const edge = edges.find(({ id }) => id === selected);
  return edge === undefined ? '' : edgeFacts(edge);
}

function isPlaced<T>(entry: readonly [string, T | null]): entry is readonly [string, T] {
  return entry[1] !== null;
}
