/** Who may call whom, with who does. Pure. */
import type { AccessCellStatus, AccessMatrixDocument } from '../../../api/access.ts';
import type { EdgeStats } from '../../../api/stats.ts';
import { count } from '../../view/figures.ts';

/**
 * What a cell tells. `used`, `unused`: allowed; `tried`: refused, and somebody tried; `closed`: refused; `depends`: on what only a request tells, or on the
 * port.
 */
export type Mark = 'used' | 'unused' | 'tried' | 'depends' | 'closed';

/** One caller and one service. */
export interface GridCell {
  /** `null`: whoever comes without an identity. */
  readonly from: string | null;
  readonly to: string;
  /** One of each port. */
  readonly doors: readonly AccessCellStatus[];
  readonly mark: Mark;
  /** Calls that were let in. */
  readonly calls: number;
  /** Calls that access rules refused. */
  readonly refused: number;
}

/** The whole matrix. */
export interface AccessGrid {
  readonly callers: readonly (string | null)[];
  readonly services: readonly string[];
  readonly cells: ReadonlyMap<string, GridCell>;
  /** Whether anybody is refused anything, or any rule is there. */
  readonly ruled: boolean;
}

/** What is chosen to be seen. */
export interface GridFilter {
  /** Part of the names of callers. */
  readonly callers: string;
  /** Part of the names of services. */
  readonly services: string;
  /** Only rows and columns with such a cell; the empty string: all. */
  readonly mark: Mark | '';
  /** Without rows and columns in which everything is closed. */
  readonly hideEmpty: boolean;
}

/** How whoever comes without an identity is called. */
export const nobody = '(no identity)';

/** Key of a cell; there may be tens of thousands. */
export function cellKey(from: string | null, to: string): string {
  return `${from ?? ''}\n${to}`;
}

/** The matrix of the rules alone. */
export function accessGrid({ callers, services, cells: all }: AccessMatrixDocument): AccessGrid {
  const cells = new Map<string, GridCell>();
  for (const [key, doors] of Map.groupBy(all, ({ from, to }) => cellKey(from, to))) {
    const [{ from, to }] = doors as [AccessCellStatus];
    cells.set(key, { from, to, doors, mark: markOf(doors, 0, 0), calls: 0, refused: 0 });
  }
  return { callers, services, cells, ruled: all.some(({ verdict, rules }) => verdict !== 'allowed' || rules.length > 0) };
}

/** The same with what was observed; cells without traffic stay as they are. */
export function withTraffic(grid: AccessGrid, edges: readonly EdgeStats[]): AccessGrid {
  const cells = new Map(grid.cells);
  for (const [key, { calls, refused }] of trafficOf(edges)) {
    const cell = cells.get(key);
    if (cell !== undefined) cells.set(key, { ...cell, calls, refused, mark: markOf(cell.doors, calls, refused) });
  }
  return { ...grid, cells };
}

function markOf(doors: readonly AccessCellStatus[], calls: number, refused: number): Mark {
  const every = (verdict: AccessCellStatus['verdict']): boolean => doors.every(door => door.verdict === verdict);
  if (every('allowed')) return calls > 0 ? 'used' : 'unused';
  if (every('denied')) return refused > 0 ? 'tried' : 'closed';
  return 'depends';
}

/** Calls and refusals by cell, of all versions together. */
function trafficOf(edges: readonly EdgeStats[]): ReadonlyMap<string, { readonly calls: number; readonly refused: number }> {
  const sums = new Map<string, { calls: number; refused: number }>();
  for (const { source, destination, total } of edges) {
    const stranger = source.kind !== 'service' && source.kind !== 'gateway';
    // A stranger with an identity has no row.
    if (stranger && source.principal !== null) continue;
    const key = cellKey(stranger ? null : source.name, destination.name);
    const sum = sums.get(key) ?? { calls: 0, refused: 0 };
    sum.calls += total.requests - total.denied;
    sum.refused += total.denied;
    sums.set(key, sum);
  }
  return sums;
}

/** Rows and columns that fit. */
export function chosenPart(grid: AccessGrid, filter: GridFilter): Pick<AccessGrid, 'callers' | 'services'> {
  const has = (name: string, part: string): boolean => name.toLowerCase().includes(part.toLowerCase());
  const callers = grid.callers.filter(from => has(from ?? nobody, filter.callers));
  const services = grid.services.filter(to => has(to, filter.services));
  const counts = (from: string | null, to: string): boolean => {
    const mark = grid.cells.get(cellKey(from, to))?.mark;
    if (mark === undefined) return false;
    return filter.mark === '' ? !filter.hideEmpty || mark !== 'closed' : mark === filter.mark;
  };
  if (filter.mark === '' && !filter.hideEmpty) return { callers, services };
  return {
    callers: callers.filter(from => services.some(to => counts(from, to))),
    services: services.filter(to => callers.some(from => counts(from, to))),
  };
}

/** How many cells have each mark. */
export function countMarks(grid: AccessGrid): Readonly<Record<Mark, number>> {
  const counts = { used: 0, unused: 0, tried: 0, depends: 0, closed: 0 };
  for (const { mark } of grid.cells.values()) counts[mark]++;
  return counts;
}

/** A cell in a few words. */
export function cellText({ mark, calls, refused, doors }: GridCell): string {
  // As the cell shows the number: who sees it and says it means the cell.
  const many = (number: number, what: string): string => `${count(number)} ${number === 1 ? 'call' : 'calls'} ${what}`;
  // The rules have changed since.
  const before = mark === 'tried' || mark === 'closed' ? 'let in before' : 'let in';
  const seen = [calls > 0 ? many(calls, before) : '', refused > 0 ? many(refused, 'refused') : ''].filter(part => part !== '');
  const words = {
    used: 'allowed',
    unused: 'allowed, never used',
    tried: 'refused',
    closed: 'refused',
    depends: doors.length > 1 ? 'depends on the port or the request' : 'depends on the request',
  }[mark];
  return [words, ...seen].join(', ');
}

/** Where a key leads from a cell; `null`: it is no key of the grid. */
export function stepBy(
  key: string,
  whole: boolean,
  [row, column]: readonly [number, number],
  [rows, columns]: readonly [number, number],
): readonly [number, number] | null {
  const moves: Readonly<Record<string, readonly [number, number]>> = {
    ArrowUp: [row - 1, column],
    ArrowDown: [row + 1, column],
    ArrowLeft: [row, column - 1],
    ArrowRight: [row, column + 1],
    PageUp: [row - 10, column],
    PageDown: [row + 10, column],
    Home: [whole ? 0 : row, 0],
    End: [whole ? rows - 1 : row, columns - 1],
  };
  const to = moves[key];
  if (to === undefined) return null;
  return [Math.min(Math.max(to[0], 0), rows - 1), Math.min(Math.max(to[1], 0), columns - 1)];
}
