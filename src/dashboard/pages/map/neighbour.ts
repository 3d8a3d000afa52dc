/** Moving over the map by arrow keys. Pure. */
import type { Place } from './map-groups.ts';

/** A key that leads from one node to another. */
export type Direction = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown';

/** Nodes with calls between them are reached before others that far away. */
const strangerFactor = 4;

/** The next node in a direction: rather one that there are calls to or from; `null`: there is none. */
export function neighbourOf(
  from: string,
  direction: Direction,
  places: ReadonlyMap<string, Place>,
  isJoined: (one: string, other: string) => boolean,
): string | null {
  const here = places.get(from);
  if (here === undefined) return null;
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const [id, { x, y }] of places) {
    if (id === from) continue;
    const [ahead, aside] = split(x - here.x, y - here.y, direction);
    // Within 60° to either side.
    if (ahead <= 0 || aside > ahead * 1.8) continue;
    const far = (ahead + 2 * aside) * (isJoined(from, id) ? 1 : strangerFactor);
    if (far < least) [best, least] = [id, far];
  }
  return best;
}

/** The node one comes to first: one that nobody calls; of several the topmost, then the leftmost. */
export function firstNode(places: ReadonlyMap<string, Place>, isCalled: (id: string) => boolean): string | null {
  const rank = ([id, { x, y }]: readonly [string, Place]): readonly [number, number, number] => [isCalled(id) ? 1 : 0, y, x];
  const [first] = [...places].sort((one, other) => {
    const [a, b] = [rank(one), rank(other)];
    return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
  });
  return first?.[0] ?? null;
}

/** Whether a key is one of them. */
export function isDirection(key: string): key is Direction {
  return key === 'ArrowLeft' || key === 'ArrowRight' || key === 'ArrowUp' || key === 'ArrowDown';
}

function split(dx: number, dy: number, direction: Direction): readonly [ahead: number, aside: number] {
  switch (direction) {
    case 'ArrowRight':
      return [dx, Math.abs(dy)];
    case 'ArrowLeft':
      return [-dx, Math.abs(dy)];
    case 'ArrowDown':
      return [dy, Math.abs(dx)];
    case 'ArrowUp':
      return [-dy, Math.abs(dx)];
  }
}
