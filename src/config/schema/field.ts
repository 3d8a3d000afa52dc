import { z } from 'zod';
import { shown } from '../shown.ts';
import { isProblem, type Problem } from '../units.ts';

/** A field's JSON Schema, for editors: what `z.unknown()` cannot say. */
export type FieldSchema = Readonly<Record<string, unknown>>;

/**
 * One value checked and converted by one function. `null`s and wrong types reach the function too, so that every mistake gets the
 * field's own words. The JSON Schema is given beside it.
 */
export function field<T>(check: (value: unknown) => T | Problem, json: FieldSchema): z.ZodType<T, unknown> {
  return z
    .unknown()
    .transform((value, context): T => {
      const result = check(value);
      if (!isProblem(result)) return result as T;
      const typed = value !== null && typeof value === 'object';
      context.issues.push({
        code: 'custom',
        input: value,
        message: message(result.problem, result.hint),
        params: { wrongType: typed },
      });
      return z.NEVER;
    })
    .meta({ ...json });
}

/** A mapping with these fields and no others. `example` completes "write …". */
export function fields<S extends z.ZodRawShape>(shape: S, example: string) {
  return z.strictObject(shape, {
    error: issue =>
      issue.code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : wrongShape(issue.input, 'a mapping', example),
  });
}

/** What a schema read, checked and converted once more: fields that have to fit each other. */
export function checked<S extends z.ZodType, T>(schema: S, check: (value: z.output<S>) => T | Problem) {
  return schema.transform((value, context): T => {
    const result = check(value);
    if (!isProblem(result)) return result as T;
    context.issues.push({ code: 'custom', input: value, message: message(result.problem, result.hint) });
    return z.NEVER;
  });
}

/** The one field that is given, or what is wrong with none or several of them. */
export function single<T extends object>(object: T, keys: readonly (keyof T & string)[], example: string): keyof T | Problem {
  const given = keys.filter(key => object[key] !== undefined);
  const [first] = given;
  if (given.length === 1 && first !== undefined) return first;
  const problem = given.length === 0 ? 'says nothing' : `says ${given.map(key => `\`${key}\``).join(' and ')} at once`;
  return { problem, hint: `write one of ${example}` };
}

/** One of the fields of `S`, by name. */
type OneField<S extends Record<string, z.ZodType>> = {
  [K in keyof S]: { readonly key: K; readonly value: z.output<S[K]> };
}[keyof S];

/** A mapping with exactly one of these fields, as that field's name and value. */
export function exactlyOne<S extends Record<string, z.ZodType>>(shape: S, example: string) {
  const optional = Object.fromEntries(Object.entries(shape).map(([key, value]) => [key, value.optional()]));
  return checked(fields(optional, example), (object): OneField<S> | Problem => {
    const key = single(object, Object.keys(shape), example);
    return isProblem(key) ? key : ({ key, value: object[key] } as OneField<S>);
  });
}

/** A mapping from names to values. */
export function namedMap<V extends z.ZodType>(value: V, example: string) {
  return z.record(z.string(), value, { error: issue => wrongShape(issue.input, 'a mapping', example) });
}

/** A list, never an empty one: nobody knows whether that means everything or nothing. */
export function listOf<V extends z.ZodType>(value: V, example: string) {
  const expected = `a list`;
  return z
    .array(value, { error: issue => wrongShape(issue.input, expected, example) })
    .min(1, { error: message('the list is empty', `leave the field out, or write ${example}`) });
}

/** One value or a list of them, always read as a list. */
export function oneOrMany<V extends z.ZodType>(value: V, example: string) {
  return z.union([listOf(value, example), value.transform(one => [one])]);
}

/** One of a few words. `other`: what may stand there instead, for the hint. */
export function oneOf<const W extends readonly string[]>(words: W, other = ''): z.ZodType<W[number], unknown> {
  const list = words.map(word => `\`${word}\``).join(', ');
  return field<W[number]>(
    value =>
      typeof value === 'string' && words.includes(value)
        ? value
        : { problem: `${shown(value)} is not known here`, hint: `one of ${list}${other === '' ? '' : `, or ${other}`}` },
    { type: 'string', enum: [...words] },
  );
}

/** A whole number within limits. */
export function integer(min: number, max: number, what: string, example: number): z.ZodType<number, unknown> {
  return field<number>(
    value => {
      // Quoted numbers are taken: `{port: "${PORT}"}` cannot be written otherwise.
      const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
      return typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max
        ? number
        : {
            problem: `${shown(value)} is not ${what}`,
            hint: `a whole number from ${min}, at most ${max}, e.g. \`${example}\``,
          };
    },
    { type: ['integer', 'string'], minimum: min, maximum: max, pattern: '^(\\d+|.*\\$.*)$' },
  );
}

/** A text; numbers are taken as they are written. */
export function text(what: string, json: FieldSchema = {}): z.ZodType<string, unknown> {
  return field<string>(
    value => {
      if (typeof value === 'string' && value !== '') return value;
      if (typeof value === 'number') return String(value);
      return { problem: `${value === '' ? 'an empty text' : shown(value)} is not ${what}`, hint: `write ${what}` };
    },
    { type: ['string', 'number'], ...json },
  );
}

/** Message and hint travel through zod as two lines of one text. */
export function message(problem: string, hint: string): string {
  return `${problem}\n${hint}`;
}

function wrongShape(input: unknown, expected: string, example: string): string {
  if (input === null || input === undefined)
    return message('is empty', `expected ${expected}: write ${example}, or remove the line`);
  return message(`${shown(input)} is not ${expected}`, `write ${example}`);
}
