import type { AccessCellStatus, AccessCheckDocument, AccessMatrixDocument } from '../api/access.ts';
import { actionText, judgementText, matchText } from '../text/judgement-text.ts';
import { table } from './table.ts';

/** How whoever comes without an identity is called. */
export const nobody = '(no identity)';

const words = { allowed: 'yes', denied: '-', depends: 'some' } as const;

/** The matrix of who may call whom, callers down, services across; below it what the rest depends on. */
export function matrixText({ callers, services, cells }: AccessMatrixDocument): readonly string[] {
  if (services.length === 0) return ['no service has a port'];
  const rows = callers.map(from => [
    from ?? nobody,
    ...services.map(to => cellText(cells.filter(cell => cell.from === from && cell.to === to))),
  ]);
  const partly = cells.filter(cell => cell.verdict === 'depends');
  const notes = partly.map(({ from, to, port, rules }) => `${from ?? nobody} → ${to}:${port}: depends on ${rules.join(', ')}`);
  return [...table(['FROM \\ TO', ...services], rows), ...(notes.length === 0 ? [] : ['', ...notes])];
}

/** What the sidecars of those that would be called say, with every rule that was looked at. */
export function checkText(
  { from, principal, note, destinations }: AccessCheckDocument,
  { method, url }: { readonly method: string; readonly url: string },
): readonly string[] {
  const lines = [`${from} (${principal ?? 'no identity'}): ${method} ${url}`];
  for (const judged of destinations) {
    lines.push(`→ ${judgementText(judged)}`);
    const rows = judged.rules.map(rule => [`  ${rule.name}`, actionText(rule), matchText(rule)]);
    if (rows.length > 0) lines.push(...table(['  RULE', 'ACTION', ''], rows));
  }
  return note === '' ? lines : [...lines, note];
}

/** One word where all ports of a service have one verdict, else the ports that may be called. */
function cellText(cells: readonly AccessCellStatus[]): string {
  const [first] = cells;
  if (first === undefined) return '';
  if (cells.every(({ verdict }) => verdict === first.verdict)) return words[first.verdict];
  return cells
    .filter(({ verdict }) => verdict !== 'denied')
    .map(({ port, verdict }) => (verdict === 'allowed' ? `:${port}` : `:${port} some`))
    .join(' ');
}
