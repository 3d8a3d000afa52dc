/** The known name closest to `name` (at most two edits, fewer for short names), or `null`. Ties: the first. */
export function nearest(name: string, known: Iterable<string>): string | null {
  return closest(name, known)[0] ?? null;
}

/** `did you mean …?` with the nearest name or, where two are equally near, both; else what there is, at most ten of them. */
export function suggest(name: string, known: Iterable<string>): string {
  const all = [...new Set(known)];
  const near = closest(name, all);
  if (near.length === 1 || near.length === 2) return `did you mean ${near.map(one => `\`${one}\``).join(' or ')}?`;
  if (all.length === 0) return '';
  const more = all.length > 10 ? `, … (${all.length} in all)` : '';
  return `known: ${all.slice(0, 10).join(', ')}${more}`;
}

/** All names at the least distance. */
function closest(name: string, known: Iterable<string>): readonly string[] {
  let best: string[] = [];
  let least = name.length <= 3 ? 1 : 2;
  for (const candidate of new Set(known)) {
    if (Math.abs(candidate.length - name.length) > least) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance > least) continue;
    if (distance < least) best = [];
    best.push(candidate);
    least = distance;
  }
  return best;
}

/** Levenshtein distance where swapping two neighbours counts as one edit. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let cost = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + same);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    before = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
