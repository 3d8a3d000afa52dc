/** Lines of Prometheus' text format, as strictly as Prometheus reads them: one that it cannot read costs it all lines of a scrape. */

const label = String.raw`[a-zA-Z_]\w*="[^"\\\u0000]*(?:\\[^\u0000][^"\\\u0000]*)*"`;
const value = String.raw`(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN)`;
/** Name, labels, value, and maybe a timestamp. */
const sample = new RegExp(
  String.raw`^([a-zA-Z_:][\w:]*)(?:\{((?:${label}(?:,${label})*,?)?)\})?[ \t]+(${value}(?:[ \t]+-?\d{1,18})?)[ \t]*$`,
);
const labelName = /([a-zA-Z_]\w*)="[^"\\]*(?:\\.[^"\\]*)*",?/gy;
const quotedValue = /"[^"\\]*(?:\\.[^"\\]*)*"/g;
const head =
  /^# (?:HELP ([a-zA-Z_:][\w:]*)(?: [^\u0000]*)?|TYPE ([a-zA-Z_:][\w:]*) (?:counter|gauge|histogram|summary|untyped))$/;

/** Prometheus itself has no limit unless it is told one; nobody needs as many. */
const maxLabels = 200;

/** What a sample says. */
export interface SampleLine {
  readonly name: string;
  /** As written, without braces. */
  readonly labels: string;
  /** And timestamp, where there is one. */
  readonly value: string;
}

/** Reads a sample; `null` where it is none, or where a label stands twice, is one of `taken` or of Prometheus' own. */
export function readSample(line: string, taken: readonly string[] = []): SampleLine | null {
  const [, name, labels = '', value = ''] = sample.exec(line) ?? [];
  if (name === undefined) return null;
  return labels === '' || areDistinct(labels, taken) ? { name, labels, value } : null;
}

/** Names of labels that were found to be distinct, as `areDistinct` writes them. */
const distinct = new Set<string>();
/** All lines of a family have the same labels: a mesh has some dozens of kinds. */
const maxKept = 256;
/** Of one, in characters; ours have 600. */
const maxKindLength = 4_096;

/** Each label is looked at once for all lines that have the same ones: there are tens of thousands of lines in a scrape, with two dozen labels each. */
function areDistinct(labels: string, taken: readonly string[]): boolean {
  const kind = `${taken.join()} ${labels.replace(quotedValue, '')}`;
  if (distinct.has(kind)) return true;
  if (!areDistinctNames(labels, taken)) return false;
  if (kind.length > maxKindLength) return true;
  if (distinct.size >= maxKept) distinct.clear();
  distinct.add(kind);
  return true;
}

function areDistinctNames(labels: string, taken: readonly string[]): boolean {
  const names = [...taken];
  labelName.lastIndex = 0;
  for (let found = labelName.exec(labels); found !== null; found = labelName.exec(labels)) {
    const [, name = ''] = found;
    if (names.includes(name) || name.startsWith('__') || names.length > maxLabels) return false;
    names.push(name);
  }
  return true;
}

/** The family that a HELP or TYPE line is about; `null`: it is none. */
export function headedName(line: string): string | null {
  const [, helped, typed] = head.exec(line) ?? [];
  return helped ?? typed ?? null;
}
