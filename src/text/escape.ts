/** Text of others made harmless: what a log, a terminal or a reader of JSON would obey is written as an escape. */

/**
 * Body of a character class: controls (C0, DEL and C1, for terminals obey all three), line separators, and what turns the
 * direction of writing (a name must not be shown as another).
 */
export const unsafeCharacters = '\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff';

const unsafe = new RegExp(`[${unsafeCharacters}]`, 'g');
/** Newlines and tabs stay: text of several lines. */
const unsafeInLines = new RegExp(`(?![\\n\\t])[${unsafeCharacters}]`, 'g');
const colours = /(\u001b\[[0-9;]*m)/;

/** One character as JSON's escape, `\u001b`. */
export function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Text on one line. */
export function escapeLine(text: string): string {
  return text.replace(unsafe, escapeCharacter);
}

/** Text whose newlines and tabs are meant. */
export function escapeLines(text: string): string {
  return text.replace(unsafeInLines, escapeCharacter);
}

/** The same, and colours (SGR) pass: they neither move a cursor nor set a title. */
export function escapeKeepingColours(text: string): string {
  return text
    .split(colours)
    .map((part, index) => (index % 2 === 1 ? part : escapeLines(part)))
    .join('');
}

/** JSON that may be shown as it is: `JSON.stringify` leaves DEL, C1 and the direction of writing alone. `indent`: blanks per level. */
export function jsonText(value: unknown, indent = 0): string {
  return escapeLines(JSON.stringify(value, null, indent));
}
