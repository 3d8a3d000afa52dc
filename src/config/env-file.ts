import { type Diagnostic, errorAt } from './diagnostic.ts';
import { type Lookup, substitute } from './interpolate.ts';

/** What a `.env` or `env_file` holds, in the order of the file. A name without `=` is there with `null`: taken from the environment. */
export interface EnvFile {
  readonly values: ReadonlyMap<string, string | null>;
  readonly diagnostics: readonly Diagnostic[];
}

const assignment = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:=[ \t]*(.*))?$/s;
const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$$' };

/**
 * Reads compose's `.env` format: `NAME=value`, `export`, comments, single quotes (as is), double quotes (escapes, several lines,
 * `${VAR}`), unquoted values with ` #` comments and `${VAR}`. Later names see earlier ones.
 */
export function parseEnvFile(text: string, file: string, lookup: Lookup = () => undefined): EnvFile {
  const values = new Map<string, string | null>();
  const diagnostics: Diagnostic[] = [];
  const known: Lookup = name => lookup(name) ?? values.get(name) ?? undefined;
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const number = index + 1;
    const line = (lines[index] ?? '').trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = assignment.exec(line);
    if (match?.[1] === undefined) {
      diagnostics.push(badLine(file, number, 'the line is not `NAME=value`', 'put a `#` before comments'));
      continue;
    }
    const [, name, written] = match;
    if (written === undefined) {
      values.set(name, null);
      continue;
    }
    const quote = written[0];
    if (quote !== '"' && quote !== "'") {
      values.set(name, substitute(written.replace(/(^|\s)#.*$/, '').trim(), known).text);
      continue;
    }
    // A quoted value may go on over several lines.
    let body = written.slice(1);
    let end = closing(body, quote);
    while (end < 0 && index + 1 < lines.length) {
      index++;
      body += `\n${lines[index] ?? ''}`;
      end = closing(body, quote);
    }
    if (end < 0) {
      diagnostics.push(badLine(file, number, `the quote of \`${name}\` is never closed`, `end the value with ${quote}`));
      break;
    }
    body = body.slice(0, end);
    values.set(name, quote === "'" ? body : substitute(unescaped(body), known).text);
  }
  return { values, diagnostics };
}

function closing(body: string, quote: string): number {
  for (let index = 0; index < body.length; index++) {
    if (body[index] === '\\' && quote === '"') index++;
    else if (body[index] === quote) return index;
  }
  return -1;
}

function unescaped(body: string): string {
  return body.replace(/\\(.)/gs, (all, char: string) => escapes[char] ?? all);
}

function badLine(file: string, line: number, message: string, hint: string): Diagnostic {
  return errorAt({ code: 'bad-env-file', at: { file, line, column: 1 }, message, hint });
}
