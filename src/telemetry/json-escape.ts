/** A character as JSON's `\\u` escape: what comes from outside must not steer the terminal that shows a log. */
export function jsonEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
