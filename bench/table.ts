import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Writes a Markdown table between `<!-- <name>:begin -->` and `<!-- <name>:end -->` of a page, leaving the rest of the page alone. */
export function writeTable(
  file: string,
  name: string,
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  note: string,
): void {
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = [line(heading), line(heading.map(() => '---')), ...rows.map(line), '', note].join('\n');
  const page = existsSync(file) ? readFileSync(file, 'utf8') : '# Benchmarks\n';
  const block = `${begin}\n${table}\n${end}`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  writeFileSync(
    file,
    from >= 0 && to > from ? page.slice(0, from) + block + page.slice(to + end.length) : `${page.trimEnd()}\n\n${block}\n`,
  );
}
