import type { Core, EdgeSingular, Position } from 'cytoscape';

/** An edge as a quadratic curve, in the graph's own coordinates. */
interface Curve {
  readonly from: Position;
  readonly middle: Position;
  readonly to: Position;
  readonly secured: boolean;
  /** Pixels a second that dashes move by; 0: nothing passes. */
  readonly speed: number;
}

/** Marks smaller than at this zoom would be dirt. */
const leastZoom = 0.45;
/** Pixels from the caller to the padlock: the label is in the middle, the arrow at the end. */
const lockAfter = 16;
/** Pixels on the screen. */
const dashes = { every: 26, long: 8 } as const;
/** Motion needs no more frames a second. */
const mostFrames = 30;

/** Draws over the edges what cytoscape cannot: padlocks, and dashes that move without every edge being styled anew at every frame. */
export class EdgeMarks {
  readonly #cy: Core;
  readonly #canvas = document.createElement('canvas');
  #curves: readonly Curve[] = [];
  #ink = '';
  #ground = '';
  #frame = 0;

  constructor(cy: Core, place: HTMLElement) {
    this.#cy = cy;
    this.#canvas.className = 'map-marks';
    place.append(this.#canvas);
    cy.on('render', () => {
      this.#curves = cy.edges().toArray().flatMap(curveOf);
      if (this.#frame === 0) this.#draw(0);
    });
  }

  /** Colours of the theme. */
  paint(colour: (name: string) => string): void {
    this.#ink = colour('--accent');
    this.#ground = colour('--card');
    this.#draw(0);
  }

  /** Lets dashes move along the edges in the direction of the calls, or stop. */
  move(moving: boolean): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    let drawn = 0;
    const next = (ms: number): void => {
      this.#frame = requestAnimationFrame(next);
      // A little less: frames do not come on the millisecond.
      if (ms - drawn < 1_000 / mostFrames - 5) return;
      drawn = ms;
      this.#draw(ms);
    };
    if (moving) this.#frame = requestAnimationFrame(next);
    this.#canvas.dataset['moving'] = moving ? 'yes' : 'no';
    if (!moving) this.#draw(0);
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    this.#canvas.remove();
  }

  #draw(ms: number): void {
    const context = this.#canvas.getContext('2d');
    if (context === null) return;
    const { width, height } = this.#size();
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    const zoom = this.#cy.zoom();
    const { x, y } = this.#cy.pan();
    context.translate(x, y);
    context.scale(zoom, zoom);
    if (this.#frame !== 0) this.#drawDashes(context, ms);
    if (zoom < leastZoom) return;
    for (const curve of this.#curves)
      if (curve.secured) this.#drawLock(context, pointAt(curve, Math.min(0.3, lockAfter / lengthOf(curve))));
  }

  /** Short pieces of the edges: a stroke with a dash pattern over hundreds of curves takes longer than a frame has. */
  #drawDashes(context: CanvasRenderingContext2D, ms: number): void {
    const zoom = this.#cy.zoom();
    context.strokeStyle = this.#ground;
    context.lineWidth = Math.max(1.5, 1 / zoom);
    context.beginPath();
    for (const curve of this.#curves) {
      const { speed } = curve;
      const length = lengthOf(curve);
      if (speed === 0) continue;
      const pieces = Math.max(1, Math.round((length * zoom) / dashes.every));
      const piece = Math.min(0.5 / pieces, dashes.long / zoom / length);
      const begin = (((ms / 1_000) * speed) / zoom / length) % (1 / pieces);
      for (let at = begin; at < 1; at += 1 / pieces) {
        const [start, end] = [pointAt(curve, at), pointAt(curve, Math.min(1, at + piece))];
        context.moveTo(start.x, start.y);
        context.lineTo(end.x, end.y);
      }
    }
    context.stroke();
  }

  #drawLock(context: CanvasRenderingContext2D, { x, y }: Position): void {
    context.fillStyle = this.#ground;
    context.beginPath();
    context.arc(x, y, 8, 0, 2 * Math.PI);
    context.fill();
    context.strokeStyle = this.#ink;
    context.fillStyle = this.#ink;
    context.lineWidth = 1.4;
    context.beginPath();
    context.arc(x, y - 1.5, 2.5, Math.PI, 0);
    context.moveTo(x - 2.5, y - 1.5);
    context.lineTo(x - 2.5, y);
    context.moveTo(x + 2.5, y - 1.5);
    context.lineTo(x + 2.5, y);
    context.stroke();
    context.fillRect(x - 4, y - 0.5, 8, 5.5);
  }

  #size(): { readonly width: number; readonly height: number } {
    const width = this.#cy.width();
    const height = this.#cy.height();
    const [across, down] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
    if (this.#canvas.width !== across) this.#canvas.width = across;
    if (this.#canvas.height !== down) this.#canvas.height = down;
    return { width, height };
  }
}

function curveOf(edge: EdgeSingular): readonly Curve[] {
  // A call to oneself is a loop of several curves; it has no marks, as what stands back has none.
  if (edge.isLoop() || edge.hasClass('aside')) return [];
  const from = edge.sourceEndpoint();
  const to = edge.targetEndpoint();
  if (!Number.isFinite(from?.x) || !Number.isFinite(to?.x)) return [];
  const straight = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const middle = edge.controlPoints()?.[0] ?? straight;
  const { secured, speed } = edge.data() as { readonly secured: string; readonly speed: number };
  return [{ from, middle, to, secured: secured === 'yes', speed }];
}

function lengthOf({ from, to }: Curve): number {
  return Math.max(1, Math.hypot(to.x - from.x, to.y - from.y));
}

function pointAt({ from, middle, to }: Curve, t: number): Position {
  const along = (a: number, b: number, c: number): number => (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t ** 2 * c;
  return { x: along(from.x, middle.x, to.x), y: along(from.y, middle.y, to.y) };
}
