/** The table of a conformance run, printed and kept in docs/conformance.md (written with UPDATE_GOLDENS=1, compared without). */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));

/** How a case ended. */
export interface Outcome {
  readonly group: string;
  readonly id: string;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** Of a skipped case. */
  readonly reason?: string;
}

/** A case as a test whose outcome is noted. `skipped`: why it says nothing about this mesh. */
export function testCase(
  outcomes: Outcome[],
  { title, ...of }: Pick<Outcome, 'group' | 'id'> & { readonly title: string },
  run: () => Promise<unknown>,
  skipped: string | null = null,
): void {
  if (skipped !== null) outcomes.push({ ...of, result: 'skipped', reason: skipped });
  test(title, { skip: skipped ?? false }, async () => {
    let result: Outcome['result'] = 'failed';
    try {
      await run();
      result = 'passed';
    } finally {
      outcomes.push({ ...of, result });
    }
  });
}

/** As tests name a case. */
export function titleOf({ id, title }: { readonly id: string; readonly title?: string | undefined }): string {
  return title === undefined ? id : `${id}: ${title}`;
}

/** Prints the table, and keeps it in the section of that name. */
export function report(section: string, outcomes: readonly Outcome[]): void {
  const text = tableOf(outcomes);
  console.log(`\n${section}\n${text}`);
  const document = readFileSync(file, 'utf8');
  const begin = `<!-- ${section}: generated -->\n`;
  const end = `<!-- /${section} -->`;
  const from = document.indexOf(begin) + begin.length;
  const to = document.indexOf(end);
  assert.ok(from >= begin.length && to >= from, `docs/conformance.md has no section ${section}`);
  const kept = document.slice(from, to);
  if (process.env.UPDATE_GOLDENS === '1') writeFileSync(file, document.slice(0, from) + text + document.slice(to));
  else assert.equal(kept, text, 'docs/conformance.md is stale: UPDATE_GOLDENS=1 writes it');
}

function tableOf(outcomes: readonly Outcome[]): string {
  const groups = [...new Set(outcomes.map(outcome => outcome.group))].sort();
  const count = (result: Outcome['result'], group?: string): number =>
    outcomes.filter(one => one.result === result && (group === undefined || one.group === group)).length;
  const row = (name: string, group?: string): string =>
    `| ${name} | ${count('passed', group)} | ${count('skipped', group)} | ${count('failed', group)} |`;
  const reasons = new Map<string, string[]>();
  for (const { id, reason } of outcomes) if (reason !== undefined) reasons.set(reason, [...(reasons.get(reason) ?? []), id]);
  const skipped = [...reasons].map(([reason, ids]) => `- ${reason}: ${ids.map(id => `\`${id}\``).join(', ')}`);
  return [
    '| group | passed | skipped | failed |',
    '|---|--:|--:|--:|',
    ...groups.map(group => row(group, group)),
    row('**all**'),
    ...(skipped.length === 0 ? [] : ['', 'Skipped:', '', ...skipped]),
    '',
  ].join('\n');
}
