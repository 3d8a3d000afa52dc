/** The map on a canvas. Loaded when the Map is opened: cytoscape is most of what the dashboard weighs. */
import cytoscape, { type Core, type EventObject } from 'cytoscape';
import { type LayoutAnswer, Layouts } from '../../layout/layout.ts';
import { EdgeMarks } from './edge-marks.ts';
import { layoutQuestion, type Place, placesOfNodes } from './map-groups.ts';
import type { MapEdge, MapModel, MapNode } from './map-model.ts';
import { fontFamily, mapStyle, sizes } from './map-style.ts';

/** Nobody wants three services as large as the window. */
const largestFit = 1.15;
const fitMargin = 32;
const zoomStep = 1.3;

type Data = Readonly<Record<string, string | number>>;

/** Draws models one after another and changes only what differs. Places and view stay: they are the user's. */
export class GraphCanvas {
  readonly #cy: Core;
  readonly #layouts: Layouts;
  readonly #marks: EdgeMarks;
  readonly #resized: ResizeObserver;
  readonly #ruler = document.createElement('canvas').getContext('2d');
  #model: MapModel = { nodes: [], edges: [], boxes: [] };
  /** The model whose places are being found. */
  #asked: MapModel | null = null;
  /** Somebody wants to have it arranged once more when that is done. */
  #again = false;
  /** Data by id, as drawn last. */
  readonly #drawn = new Map<string, string>();
  #places = new Map<string, Place>();
  /** Where the user put them. */
  readonly #dragged = new Map<string, Place>();
  /** Nodes that had calls when places were found last. */
  #joined = new Set<string>();
  #selected = '';
  /** The user has a view of their own. */
  #viewed = false;

  /** `onSelect`: gets the id that was clicked, or the empty string. `onTrouble`: no places can be found. */
  constructor(place: HTMLElement, onSelect: (id: string) => void, onTrouble: () => void) {
    this.#layouts = new Layouts(answer => this.#place(answer), onTrouble);
    this.#cy = cytoscape({
      container: place,
      // Places come from the worker; its own would be a grid, in a room that may be gone.
      layout: { name: 'preset' },
      minZoom: 0.08,
      maxZoom: 3,
      boxSelectionEnabled: false,
      autounselectify: true,
    });
    this.#marks = new EdgeMarks(this.#cy, place);
    this.#cy.on('tap', ({ target }: EventObject) => {
      // So that keys go on from there.
      place.focus({ preventScroll: true });
      if (target === this.#cy) onSelect('');
      else if (!target.isParent()) onSelect(target.id());
    });
    this.#cy.on('scrollzoom dragpan pinchzoom', () => {
      this.#viewed = true;
    });
    this.#cy.on('dragfree', 'node', ({ target }: EventObject) => {
      this.#viewed = true;
      const moved = target.isParent() ? target.children() : target;
      for (const node of moved.toArray()) this.#dragged.set(node.id(), { ...node.position() });
    });
    this.#resized = new ResizeObserver(() => {
      this.#cy.resize();
      if (!this.#viewed) this.fit();
    });
    this.#resized.observe(place);
  }

  /** Shows another state of the graph. `anew`: of another choice of the user's, so that it is arranged and fitted again. */
  show(model: MapModel, anew: boolean): void {
    this.#model = model;
    if (anew) {
      this.#viewed = false;
      this.#dragged.clear();
    }
    if (anew) this.#ask();
    else this.#update();
  }

  /** Finds places for everything again; what the user dragged goes where it belongs. */
  arrange(): void {
    this.#dragged.clear();
    this.#viewed = false;
    this.#ask();
  }

  /** Marks a node or an edge with what is next to it; the empty string: none. */
  select(id: string, reveal: boolean): void {
    this.#selected = id;
    this.#mark();
    if (!reveal || id === '') return;
    const element = this.#cy.getElementById(id);
    if (element.empty()) return;
    const { x1, y1, x2, y2 } = element.renderedBoundingBox();
    if (x2 < 0 || y2 < 0 || x1 > this.#cy.width() || y1 > this.#cy.height()) this.#cy.center(element);
  }

  /** Colours of the theme in force. */
  paint(colour: (name: string) => string): void {
    this.#cy.style(mapStyle(colour));
    this.#marks.paint(colour);
  }

  /** Dashes move along edges, or not. */
  move(moving: boolean): void {
    this.#marks.move(moving);
  }

  zoom(direction: 1 | -1): void {
    this.#viewed = true;
    const middle = { x: this.#cy.width() / 2, y: this.#cy.height() / 2 };
    this.#cy.zoom({ level: this.#cy.zoom() * (direction === 1 ? zoomStep : 1 / zoomStep), renderedPosition: middle });
  }

  /** All of it in the window. */
  fit(): void {
    this.#viewed = false;
    if (this.#cy.elements().empty()) return;
    this.#cy.fit(undefined, fitMargin);
    if (this.#cy.zoom() <= largestFit) return;
    this.#cy.zoom(largestFit);
    this.#cy.center();
  }

  /** Where a node is. */
  placeOf(id: string): Place | null {
    return this.#dragged.get(id) ?? this.#places.get(id) ?? null;
  }

  close(): void {
    this.#resized.disconnect();
    this.#layouts.close();
    this.#marks.close();
    this.#cy.destroy();
  }

  /** New nodes, or a first call of somebody who had none: others stay where they are. */
  #needsPlaces(): boolean {
    const { nodes, edges } = this.#model;
    if (nodes.some(({ id }) => !this.#places.has(id))) return true;
    return edges.some(({ source, target }) => source !== target && !(this.#joined.has(source) && this.#joined.has(target)));
  }

  #ask(): void {
    if (this.#asked !== null) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#asked = this.#model;
    const ratio = this.#cy.width() / Math.max(1, this.#cy.height());
    this.#layouts.ask({ ...layoutQuestion(this.#model, node => this.#widthOf(node)), ratio });
  }

  #place(answer: LayoutAnswer): void {
    const { nodes, edges } = this.#asked ?? this.#model;
    this.#asked = null;
    for (const [id, place] of placesOfNodes(nodes, answer, node => this.#widthOf(node))) this.#places.set(id, place);
    this.#joined = new Set(edges.flatMap(({ source, target }) => (source === target ? [] : [source, target])));
    this.#cy.batch(() => {
      this.#draw();
      for (const { id } of nodes) {
        const place = this.placeOf(id);
        if (place !== null) this.#cy.getElementById(id).position({ ...place });
      }
    });
    if (!this.#viewed) this.fit();
    if (this.#again) this.#ask();
    else this.#update();
  }

  #update(): void {
    // What is asked already is answered first: a mesh that changes all the time is shown nevertheless.
    if (this.#asked === null && this.#needsPlaces()) this.#ask();
    this.#draw();
  }

  /** What has a place. */
  #draw(): void {
    const nodes = this.#model.nodes.filter(({ id }) => this.#places.has(id));
    const there = new Set(nodes.map(({ id }) => id));
    const edges = this.#model.edges.filter(({ source, target }) => there.has(source) && there.has(target));
    const boxes = this.#model.boxes.filter(({ id }) => nodes.some(({ box }) => box === id));
    const wanted = new Set([...nodes, ...edges, ...boxes].map(({ id }) => id));
    const gone = [...this.#drawn.keys()].filter(id => !wanted.has(id));
    let changed = gone.length > 0;
    this.#cy.batch(() => {
      // A box takes along what is in it, so it goes last.
      for (const id of gone) if (!id.startsWith('box ')) this.#cy.getElementById(id).remove();
      for (const { id, label } of boxes)
        changed = this.#put('nodes', id, { label, width: 1, health: 'none', kind: 'box' }) || changed;
      for (const node of nodes) {
        changed = this.#put('nodes', node.id, this.#nodeData(node), node.box) || changed;
        const element = this.#cy.getElementById(node.id);
        if ((element.parent().first().id() ?? null) !== node.box) element.move({ parent: node.box });
      }
      for (const id of gone) if (id.startsWith('box ')) this.#cy.getElementById(id).remove();
      for (const edge of edges) changed = this.#put('edges', edge.id, edgeData(edge)) || changed;
    });
    for (const id of gone) this.#drawn.delete(id);
    if (changed) this.#mark();
  }

  /** Whether the element is new. */
  #put(group: 'nodes' | 'edges', id: string, data: Data, parent: string | null = null): boolean {
    const key = JSON.stringify(data);
    const before = this.#drawn.get(id);
    if (before === key) return false;
    this.#drawn.set(id, key);
    if (before !== undefined) {
      this.#cy.getElementById(id).data(data);
      return false;
    }
    const place = this.placeOf(id);
    this.#cy.add({
      group,
      data: { ...data, id, ...(parent !== null && { parent }) },
      ...(place !== null && { position: { ...place } }),
    });
    return true;
  }

  #nodeData(node: MapNode): Data {
    return { label: node.label, width: this.#widthOf(node), health: node.calling ? 'calling' : node.health, kind: node.of.kind };
  }

  #widthOf({ label, of }: MapNode): number {
    if (this.#ruler === null) return 120;
    this.#ruler.font = `600 ${sizes.font}px ${fontFamily}`;
    // Without the sign of its health, which comes and goes.
    const text = this.#ruler.measureText(label.replace(/^[✕!] /, '')).width + this.#ruler.measureText('✕ ').width;
    const round = of.kind === 'service' ? 1 : 1.25;
    return Math.ceil(Math.max(56, text * round + sizes.textPadding));
  }

  #mark(): void {
    this.#cy.batch(() => {
      this.#cy.elements('.chosen, .aside').removeClass('chosen aside');
      const chosen = this.#cy.getElementById(this.#selected);
      if (this.#selected === '' || chosen.empty()) return;
      const near = chosen.closedNeighborhood().union(chosen.connectedNodes());
      const kept = near.union(near.parents());
      this.#cy.elements().difference(kept).addClass('aside');
      chosen.addClass('chosen');
    });
  }
}

function edgeData({ source, target, label, width, health, denied, secured, of }: MapEdge): Data {
  const speed = of.total.requests === 0 ? 0 : Math.round(20 + 20 * Math.log10(1 + of.total.rps));
  return { source, target, label, width, health, denied: denied ? 'yes' : 'no', secured: secured ? 'yes' : 'no', speed };
}
