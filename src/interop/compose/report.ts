import { type Diagnostic, sortDiagnostics } from '../../config/diagnostic.ts';
import { shown as shownValue } from '../../config/shown.ts';
import type { Cursor } from './cursor.ts';

/** Places named in one warning; more would be a list to scroll through. */
const MAX_ALSO = 3;

/** Collects what is wrong or noteworthy while a document is converted. */
export class Report {
  readonly #found: Diagnostic[] = [];
  /** Further places of what is said once, by its key. */
  readonly #once = new Map<string, { readonly index: number; readonly also: string[] }>();

  /** All of them, in the order of the file. */
  get diagnostics(): readonly Diagnostic[] {
    const said = [...this.#found];
    for (const { index, also } of this.#once.values()) {
      const first = said[index];
      if (first === undefined || also.length === 0) continue;
      const more = also.length > MAX_ALSO ? ` and ${also.length - MAX_ALSO} more` : '';
      said[index] = { ...first, message: `${first.message} (also at ${also.slice(0, MAX_ALSO).join(', ')}${more})` };
    }
    return sortDiagnostics(said);
  }

  /** Takes over what another reader found. */
  add(diagnostics: readonly Diagnostic[]): void {
    this.#found.push(...diagnostics);
  }

  /** The project cannot run as written. */
  error(cursor: Cursor, code: string, message: string, hint = ''): void {
    this.#add('error', cursor, code, message, hint);
  }

  /** The project runs, but not quite as written. */
  warn(cursor: Cursor, code: string, message: string, hint = ''): void {
    this.#add('warning', cursor, code, message, hint);
  }

  /** A warning that is the same for every service: said at the first place, which names the others. */
  warnOnce(key: string, cursor: Cursor, code: string, message: string, hint = ''): void {
    if (this.#isFirst(key, cursor)) this.warn(cursor, code, message, hint);
  }

  /** The same for an error, such as a missing file that many services want. */
  errorOnce(key: string, cursor: Cursor, code: string, message: string, hint = ''): void {
    if (this.#isFirst(key, cursor)) this.error(cursor, code, message, hint);
  }

  /** The usual error: something else than expected was found. */
  expected(cursor: Cursor, what: string, hint = ''): void {
    this.error(cursor, 'compose-invalid-value', `${cursor.path} must be ${what}, found ${shown(cursor)}`, hint);
  }

  #isFirst(key: string, cursor: Cursor): boolean {
    const said = this.#once.get(key);
    if (said === undefined) this.#once.set(key, { index: this.#found.length, also: [] });
    else if (!said.also.includes(cursor.path)) said.also.push(cursor.path);
    return said === undefined;
  }

  #add(severity: 'error' | 'warning', cursor: Cursor, code: string, message: string, hint: string): void {
    const { file, line, column } = cursor.node.at;
    this.#found.push({ code, severity, file, line, column, path: cursor.path, message, hint });
  }
}

/** A value as it may appear in a message: shortened, escaped, masked where its path sounds secret. */
export function shown(cursor: Cursor): string {
  const { node, path } = cursor;
  if (node.kind === 'scalar') return shownValue(node.value === null ? null : node.source, path);
  return node.kind === 'list' ? 'a list' : 'a mapping';
}
