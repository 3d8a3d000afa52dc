/** Small checkers that `decodeSnapshot` is put together from. Each takes a value and its path and returns a fresh typed value. */

/** A snapshot that must not run: says where and what is wrong. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
  /** E.g. `clusters[2].endpoints[0].port`. */
  readonly path: string;
  readonly problem: string;

  constructor(path: string, problem: string) {
    super(`${path === '' ? 'snapshot' : path}: ${problem}`);
    this.path = path;
    this.problem = problem;
  }
}

/** Checks one value. @throws SnapshotError */
export type Shape<T> = (value: unknown, path: string) => T;

/** A string, optionally of one form; `what` names the form in the error. */
export function text(form?: RegExp, what = 'text'): Shape<string> {
  return (value, path) => {
    if (typeof value !== 'string') throw new SnapshotError(path, `expected ${what}, found ${kindOf(value)}`);
    if (form !== undefined && !form.test(value)) throw new SnapshotError(path, `expected ${what}, found ${quote(value)}`);
    return value;
  };
}

/** A string of at most so many characters. */
export function short(most: number): Shape<string> {
  return (value, path) => {
    const found = text()(value, path);
    if (found.length > most) throw new SnapshotError(path, `expected at most ${most} characters`);
    return found;
  };
}

/** A list of at most so many items; a longer one is refused before they are looked at. */
export function few<T>(most: number, shape: Shape<T>): Shape<readonly T[]> {
  const items = list(shape);
  return (value, path) => {
    if (Array.isArray(value) && value.length > most) throw new SnapshotError(path, `expected at most ${most} items`);
    return items(value, path);
  };
}

/** A moment, ms since epoch, or a length of time in ms, that a date can be made of: until the end of the year 9999. */
export const ms: Shape<number> = (value, path) => share(253_402_300_799_999)(value, path);

/** A whole number in `[min, max]`. */
export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, path) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw new SnapshotError(path, `expected a whole number from ${min} to ${max}, found ${kindOf(value)}`);
    return value as number;
  };
}

/** A number of 0 or more, fractions allowed. */
export function share(max: number): Shape<number> {
  return (value, path) => {
    if (typeof value !== 'number' || !(value >= 0 && value <= max))
      throw new SnapshotError(path, `expected a number from 0 to ${max}, found ${kindOf(value)}`);
    return value;
  };
}

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): Shape<T> {
  return (value, path) => {
    if (!words.includes(value as T)) throw new SnapshotError(path, `expected ${words.join(', ')}; found ${kindOf(value)}`);
    return value as T;
  };
}

/** `true`; a field that can only be on says so by being there. */
export const on: Shape<true> = (value, path) => {
  if (value !== true) throw new SnapshotError(path, `expected true, found ${kindOf(value)}`);
  return value;
};

/** `true` or `false`. */
export const flag: Shape<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw new SnapshotError(path, `expected true or false, found ${kindOf(value)}`);
  return value;
};

/** `null` or the shape. */
export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path) => (value === null ? null : shape(value, path));
}

/** The shape, or nothing at all: an absent field stays absent. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, path) => (value === undefined ? undefined : shape(value, path));
}

/** A list; where `key` is given, no two items may share a key. */
export function list<T>(shape: Shape<T>, key?: (item: T) => string): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new SnapshotError(path, `expected a list, found ${kindOf(value)}`);
    const items = value.map((item, index) => shape(item, `${path}[${index}]`));
    if (key !== undefined) {
      const seen = new Set<string>();
      for (const [index, item] of items.entries()) {
        const name = key(item);
        if (seen.has(name)) throw new SnapshotError(`${path}[${index}]`, `${quote(name)} is there twice`);
        seen.add(name);
      }
    }
    return items;
  };
}

/**
 * An object with exactly these fields. The type forces a line for every field of `T`. An unknown field is refused: it could be
 * a condition of an access rule that this sidecar would then not enforce.
 */
export function object<T extends object>(fields: { readonly [K in keyof T]-?: Shape<T[K]> }): Shape<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  const known = new Set<string>(names);
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new SnapshotError(path, `expected an object, found ${kindOf(value)}`);
    const given = value as Record<string, unknown>;
    for (const name of Object.keys(given)) {
      if (!known.has(name)) throw new SnapshotError(join(path, name), 'this sidecar does not know the field');
    }
    const result: Partial<T> = {};
    for (const name of names) {
      const field = fields[name](Object.hasOwn(given, name) ? given[name] : undefined, join(path, name));
      if (field !== undefined) result[name] = field;
    }
    return result as T;
  };
}

/** The fields of one kind of `T`, but for `kind` itself. */
type KindFields<T extends { readonly kind: string }, K extends T['kind']> = Omit<Extract<T, { readonly kind: K }>, 'kind'>;

/** One of several objects, told apart by their field `kind`. The type forces a line for every field of every kind of `T`. */
export function tagged<T extends { readonly kind: string }>(
  kinds: {
    readonly [K in T['kind']]: { readonly [F in keyof KindFields<T, K>]-?: Shape<KindFields<T, K>[F]> };
  },
): Shape<T> {
  const names = Object.keys(kinds) as T['kind'][];
  const kind = oneOf(...names);
  const shapes = new Map(names.map(name => [name, object<T>({ kind, ...kinds[name] } as never)]));
  return (value, path) => {
    const given = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
    return (shapes.get(kind(given, join(path, 'kind'))) as Shape<T>)(value, path);
  };
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return quote(value);
  return typeof value === 'number' ? String(value) : `a value of type ${typeof value}`;
}

function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
