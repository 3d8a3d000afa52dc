import { type PackedFamily, unpackSamples } from '../telemetry/packed-exposition.ts';

const headLine = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*)(?: .*)?\n/gm;
/** Name, labels, value, and maybe a timestamp. */
const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+(?: -?\d+)?)$/gm;

interface Family {
  /** Lines, by what they tell: a second one of a kind would be refused. */
  readonly heads: Map<string, string>;
  readonly pieces: { readonly workload: string; readonly packed: Buffer }[];
}

/**
 * Text expositions of several workloads as one: each sample gets a `workload` label, and each family stands once and in one piece, as the format demands. A
 * large mesh has tens of megabytes of it: the pieces stay packed, and come out one at a time.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export class MeshExposition {
  readonly #families = new Map<string, Family>();

  /** Adds what a workload told. */
  add(workload: string, families: readonly PackedFamily[]): void {
    for (const { head, samples } of families) {
      const lines = [...head.matchAll(headLine)];
      const name = lines[0]?.[2];
      if (name === undefined) continue;
      const family: Family = this.#families.get(name) ?? { heads: new Map(), pieces: [] };
      this.#families.set(name, family);
      for (const [line, kind = '', of] of lines) if (of === name && !family.heads.has(kind)) family.heads.set(kind, line);
      family.pieces.push({ workload, packed: Buffer.from(samples, 'base64') });
    }
  }

  /** Everything, in pieces that end with a newline; what is no metric is left out. */
  *text(): Generator<string, void, void> {
    for (const { heads, pieces } of this.#families.values()) {
      yield [...heads.values()].join('');
      for (const { workload, packed } of pieces) {
        const text = labelled(packed, `workload="${workload.replace(/[\\"]/g, '\\$&')}"`);
        if (text !== '') yield text;
      }
    }
  }
}

function labelled(packed: Buffer, label: string): string {
  let text = '';
  try {
    for (const [, name = '', labels = '', value = ''] of unpackSamples(packed).matchAll(sample))
      text += `${name}{${label}${labels === '' ? '' : `,${labels}`}} ${value}\n`;
  } catch {
    // A sidecar that sends what it does not should; the others' metrics are whole.
  }
  return text;
}
