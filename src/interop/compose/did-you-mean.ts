import { nearest } from '../../config/nearest.ts';

/** "did you mean …?" with the nearest known name, or nothing where none is near. */
export function didYouMean(written: string, known: Iterable<string>): string {
  const name = nearest(written, known);
  return name === null ? '' : `did you mean \`${name}\`?`;
}
