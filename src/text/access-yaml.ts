/** A rule of `access:` as mesh.yaml writes it. */
export interface AccessYamlRule {
  /** @default allow */
  readonly action?: readonly ['deny'];
  readonly from?: readonly string[];
  readonly notFrom?: readonly string[];
  readonly principals?: readonly string[];
  readonly to: readonly string[];
  readonly ports?: readonly number[];
  readonly methods?: readonly string[];
  readonly paths?: readonly string[];
}

/** The lines of `access:` with these rules, ready to paste: all else is refused. */
export function accessYaml(rules: readonly AccessYamlRule[]): readonly string[] {
  const lines = rules.map(rule => `    - ${accessRuleYaml(rule)}`);
  return ['access:', '  default: deny', ...(lines.length === 0 ? ['  rules: []'] : ['  rules:', ...lines])];
}

/** One rule on a line: `{from: web, to: [reviews, details]}`. */
export function accessRuleYaml(rule: AccessYamlRule): string {
  const fields = Object.entries(rule).map(([name, values]) => `${name}: ${flow(values)}`);
  return `{${fields.join(', ')}}`;
}

/** One value by itself, several as a list. */
function flow(values: readonly (string | number)[]): string {
  const texts = values.map(value => (typeof value === 'number' || isPlain(value) ? `${value}` : JSON.stringify(value)));
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

/** What YAML reads as a string without quotes, in all of its versions. */
function isPlain(value: string): boolean {
  return /^[A-Za-z_/][A-Za-z0-9_./-]*$/.test(value) && !/^(?:true|false|yes|no|on|off|null|y|n)$/i.test(value);
}
