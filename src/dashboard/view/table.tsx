import type { ComponentChildren, VNode } from 'preact';
import { useState } from 'preact/hooks';

/** A column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** What rows are put in order by; absent: the column cannot be sorted by. */
  readonly by?: (row: Row) => string | number;
  /** Numbers are set to the right. */
  readonly number?: boolean;
}

/** What a table is made of. */
export interface TableProps<Row> {
  /** Said to those who do not see it. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** Where there are no rows. */
  readonly empty: ComponentChildren;
  /** Called with the row that was chosen by click or key. */
  readonly onPick?: (row: Row) => void;
  readonly picked?: (row: Row) => boolean;
}

/** Rows in columns, sorted by the title that was pressed; in the order given until then. */
export function Table<Row>({ caption, columns, rows, keyOf, empty, onPick, picked }: TableProps<Row>): VNode {
  const [sorting, setSorting] = useState<{ readonly title: string; readonly down: boolean } | null>(null);
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const by = columns.find(({ title }) => title === sorting?.title)?.by;
  const sorted = by === undefined ? rows : [...rows].sort((a, b) => compare(by(a), by(b)) * (sorting?.down ? -1 : 1));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by key.
    <section class="table" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, by, number }) => (
              <th
                key={title}
                scope="col"
                class={number ? 'number' : ''}
                aria-sort={sorting?.title === title ? (sorting.down ? 'descending' : 'ascending') : undefined}
              >
                {by === undefined ? (
                  title
                ) : (
                  <button
                    type="button"
                    onClick={() => setSorting({ title, down: sorting?.title === title ? !sorting.down : number === true })}
                  >
                    {title}
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map(row => (
            <tr
              key={keyOf(row)}
              class={onPick === undefined ? '' : 'pick'}
              aria-selected={picked?.(row)}
              onClick={onPick && (() => onPick(row))}
            >
              {columns.map(({ title, cell, number }, index) => (
                <td key={title} class={number ? 'number' : ''}>
                  {index === 0 && onPick !== undefined ? (
                    <button
                      type="button"
                      class="plain"
                      onClick={event => {
                        event.stopPropagation();
                        onPick(row);
                      }}
                    >
                      {cell(row)}
                    </button>
                  ) : (
                    cell(row)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en');
}
