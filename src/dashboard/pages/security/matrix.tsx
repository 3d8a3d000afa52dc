import { Component, type VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { count } from '../../view/figures.ts';
import { type AccessGrid, cellKey, cellText, type GridCell, type Mark, nobody, stepBy } from './access-grid.ts';

interface MatrixProps {
  readonly grid: AccessGrid;
  readonly callers: AccessGrid['callers'];
  readonly services: AccessGrid['services'];
  /** The other cells stand back; the empty string: none does. */
  readonly mark: Mark | '';
  /** Key of a cell. */
  readonly picked: string;
  readonly onPick: (from: string | null, to: string) => void;
}

/** One sign for each mark: never the colour alone. */
export const signs: Readonly<Record<Mark, string>> = { used: '●', unused: '○', tried: '✕', depends: '?', closed: '·' };
/** Keys repeat thirty times a second; browsers limit how often the address may change. */
const settledMs = 150;
/** Columns with room for a count in each cell. */
const mostCounted = 16;

/** Callers down, services across; a grid of one stop of the Tab key that is walked by arrow keys. */
export function Matrix({ grid, callers, services, mark, picked, onPick }: MatrixProps): VNode {
  const settling = useRef(0);
  const pickSoon = (from: string | null, to: string, afterMs: number): void => {
    clearTimeout(settling.current);
    settling.current = setTimeout(() => onPick(from, to), afterMs) as unknown as number;
  };
  const pickAt = (element: EventTarget | null, afterMs: number): readonly [number, number] | null => {
    const cell = element instanceof HTMLElement ? element.closest('td') : null;
    const [row, column] = (cell?.dataset['at'] ?? '').split(',').map(Number);
    const to = services[column ?? -1];
    if (row === undefined || column === undefined || to === undefined) return null;
    pickSoon(callers[row] ?? null, to, afterMs);
    return [row, column];
  };
  const walk = (event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void => {
    const cell = event.target instanceof HTMLElement ? event.target.closest('td') : null;
    if (cell === null) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      pickAt(cell, 0);
      return;
    }
    const [row = 0, column = 0] = (cell.dataset['at'] ?? '').split(',').map(Number);
    const next = stepBy(event.key, event.ctrlKey, [row, column], [callers.length, services.length]);
    if (next === null) return;
    event.preventDefault();
    const target = event.currentTarget.querySelector<HTMLElement>(`td[data-at="${next.join(',')}"]`);
    target?.focus();
    pickAt(target, settledMs);
  };
  const reached = callers.some(from => services.some(to => cellKey(from, to) === picked));
  return (
    <div class={services.length > mostCounted ? 'matrix crowded' : 'matrix'}>
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: the grid pattern of the ARIA practices is a table with this role. */}
      <table role="grid" aria-label="Who may call whom" onKeyDown={walk} onClick={event => void pickAt(event.target, 0)}>
        <thead>
          <tr>
            <th scope="col" class="corner">
              from <span aria-hidden="true">↓</span> to <span aria-hidden="true">→</span>
            </th>
            {services.map(to => (
              <th key={to} scope="col" title={to} class={picked.endsWith(`\n${to}`) ? 'on' : ''}>
                <span>{to}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {callers.map((from, row) => {
            const cells = services.map(to => grid.cells.get(cellKey(from, to)) ?? null);
            const column = services.findIndex(to => cellKey(from, to) === picked);
            return (
              <MatrixRow
                key={from ?? nobody}
                from={from}
                services={services}
                row={row}
                cells={cells}
                mark={mark}
                picked={column}
                entry={reached ? column : row === 0 ? 0 : -1}
                signature={cells.map(cell => (cell === null ? '' : `${cell.mark} ${cell.calls} ${cell.refused}`)).join()}
              />
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface MatrixRowProps {
  readonly from: string | null;
  readonly services: readonly string[];
  readonly row: number;
  readonly cells: readonly (GridCell | null)[];
  readonly mark: Mark | '';
  /** Column of the cell that is picked; -1: in another row. */
  readonly picked: number;
  /** Column of the cell that the Tab key leads to; -1: in another row. */
  readonly entry: number;
  /** All that is drawn of the cells. */
  readonly signature: string;
}

/** Drawn again only when it reads otherwise: there are thousands of cells. */
class MatrixRow extends Component<MatrixRowProps> {
  override shouldComponentUpdate(next: MatrixRowProps): boolean {
    const { services, row, mark, picked, entry, signature } = this.props;
    const same =
      next.row === row &&
      next.mark === mark &&
      next.picked === picked &&
      next.entry === entry &&
      next.signature === signature &&
      next.services.join() === services.join();
    return !same;
  }

  override render(): VNode {
    const { from, services, row, cells, mark, picked, entry } = this.props;
    const name = from ?? nobody;
    return (
      <tr>
        <th scope="row" title={name} class={picked < 0 ? '' : 'on'}>
          <span>{name}</span>
        </th>
        {cells.map((cell, column) => {
          const label = `${name} to ${services[column]}: ${cell === null ? 'not judged' : cellText(cell)}`;
          const back = mark !== '' && cell?.mark !== mark;
          const seen = (cell?.calls ?? 0) + (cell?.refused ?? 0);
          return (
            <td
              key={services[column]}
              // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a cell of the grid; said outright for aria-selected.
              role="gridcell"
              data-at={`${row},${column}`}
              tabIndex={column === entry ? 0 : -1}
              aria-selected={column === picked}
              aria-label={label}
              title={label}
              class={`${cell?.mark ?? 'none'}${back ? ' back' : ''}${cell !== null && cell.mark === 'depends' && cell.refused > 0 ? ' some-refused' : ''}`}
            >
              {cell === null ? '' : signs[cell.mark]}
              {cell === null || seen === 0 ? '' : <small>{count(seen)}</small>}
            </td>
          );
        })}
      </tr>
    );
  }
}
