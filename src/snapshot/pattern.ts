/**
 * Compiles a regular expression of a rule: it has to match the whole value, and `.` matches every character. RE2's leading `(?i)` is
 * understood. The checking of snapshots and the matching of requests share it, so that what is accepted is what runs.
 * @throws SyntaxError
 */
export function compilePattern(source: string): RegExp {
  const insensitive = source.startsWith('(?i)');
  const pattern = insensitive ? source.slice(4) : source;
  // By itself first: `a)|(b` would compile inside the anchors and mean something else.
  new RegExp(pattern);
  return new RegExp(`^(?:${pattern})$`, insensitive ? 'is' : 's');
}
