/** Invalid input is data: everything wrong with a configuration, in the order of the file. */
export interface Diagnostic {
  /** Stable, greppable kebab-case name of the mistake, documented in docs/errors.md, e.g. `unknown-field`. */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** File as the user named it; `null` where no file is at fault (engine state). */
  readonly file: string | null;
  /** 1-based; `null` where there is no position (empty or missing file). */
  readonly line: number | null;
  readonly column: number | null;
  /** Dotted path such as `services.web.port` or `routes.reviews[1].split`. Empty for the whole document. */
  readonly path: string;
  /** One sentence: what is wrong, with the value found (shortened, escaped, secrets masked). */
  readonly message: string;
  /** What would be right, with an example or the nearest known name. Empty where there is nothing to add. */
  readonly hint: string;
}
