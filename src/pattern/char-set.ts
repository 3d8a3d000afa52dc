/** UTF-16 code units as pairs of first and last, in order, apart from each other. */
export type CharSet = readonly number[];

const maxUnit = 0xffff;

/** The set of these ranges (pairs of first and last), or of one unit. */
export function charSet(...ranges: readonly number[]): CharSet {
  if (ranges.length === 1) return [ranges[0] ?? 0, ranges[0] ?? 0];
  const pairs: (readonly [number, number])[] = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i] ?? 0, ranges[i + 1] ?? 0]);
  pairs.sort((a, b) => a[0] - b[0]);
  const out: number[] = [];
  for (const [from, to] of pairs) {
    const last = out.at(-1);
    if (last === undefined || from > last + 1) out.push(from, to);
    else out[out.length - 1] = Math.max(last, to);
  }
  return out;
}

/** All other units. */
export function invert(set: CharSet): CharSet {
  const out: number[] = [];
  let from = 0;
  for (let i = 0; i < set.length; i += 2) {
    const start = set[i] ?? 0;
    if (start > from) out.push(from, start - 1);
    from = (set[i + 1] ?? 0) + 1;
  }
  if (from <= maxUnit) out.push(from, maxUnit);
  return out;
}

/** Whether the unit is in the set. */
export function includes(set: CharSet, unit: number): boolean {
  for (let i = 0; i < set.length; i += 2) if (unit >= (set[i] ?? 0)) if (unit <= (set[i + 1] ?? 0)) return true;
  return false;
}

/** `.` */
export const anyUnit: CharSet = [0, maxUnit];
/** `\d` */
export const digits: CharSet = [48, 57];
/** `\w` */
export const wordUnits: CharSet = charSet(48, 57, 65, 90, 95, 95, 97, 122);
/** What `.` leaves out without the flag `s`. */
export const lineEnds: CharSet = [10, 10, 13, 13, 0x2028, 0x2029];
/** `\s`: white space of ECMAScript. */
export const spaces: CharSet = charSet(
  ...[9, 13, 32, 32, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a],
  ...[0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff],
);

/** Upper case → all units that are equal to it where case does not count. Made on first use: few patterns need it. */
let folds: ReadonlyMap<number, readonly number[]> | null = null;

/** The set with every unit that is equal to one of its own where case does not count. @see ECMA-262, Canonicalize */
export function foldCase(set: CharSet): CharSet {
  folds ??= allFolds();
  const ranges = [...set];
  for (const units of folds.values()) {
    if (units.some(unit => includes(set, unit))) for (const unit of units) ranges.push(unit, unit);
  }
  return charSet(...ranges);
}

/** The blocks of Unicode whose letters have cases; asking about every unit would take half a tenth of a second. */
const casedBlocks: CharSet = [0x41, 0x587, 0x10a0, 0x24ff, 0x2c00, 0x2dff, 0xa640, 0xabff, 0xff21, 0xff5a];

function allFolds(): ReadonlyMap<number, readonly number[]> {
  const all = new Map<number, number[]>();
  for (let i = 0; i < casedBlocks.length; i += 2) {
    for (let unit = casedBlocks[i] ?? 0; unit <= (casedBlocks[i + 1] ?? 0); unit++) {
      const upper = String.fromCharCode(unit).toUpperCase();
      const code = upper.length === 1 ? upper.charCodeAt(0) : unit;
      // What is not ASCII never equals what is.
      const canonical = unit >= 128 && code < 128 ? unit : code;
      const same = all.get(canonical);
      if (same === undefined) all.set(canonical, [unit]);
      else same.push(unit);
    }
  }
  for (const [canonical, units] of all) if (units.length === 1) all.delete(canonical);
  return all;
}
