import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** From here on a piece is kept deflated. */
const packedBytes = 4_096;
const head = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*)(?: .*)?\n/gm;
/** Name, labels, value, and maybe a timestamp. */
const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+(?: -?\d+)?)$/gm;

interface Piece {
  readonly workload: string;
  readonly packed: boolean;
  readonly bytes: Buffer;
}

interface Family {
  /** Lines, by what they tell: a second one of a kind would be refused. */
  readonly heads: Map<string, string>;
  readonly pieces: Piece[];
}

/**
 * Text expositions of several workloads as one: each sample gets a `workload` label, and each family stands once and in one piece, as the format demands. A
 * large mesh has tens of megabytes of it, nearly all of them the same labels again: pieces are kept deflated, and given out one at a time.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export class MeshExposition {
  readonly #families = new Map<string, Family>();

  /** Adds what a workload told; lines that are no metrics are left out. */
  add(workload: string, text: string): void {
    const heads = [...text.matchAll(head)];
    heads.forEach(({ 0: line, 1: kind = '', 2: name = '', index }, i) => {
      const family: Family = this.#families.get(name) ?? { heads: new Map(), pieces: [] };
      this.#families.set(name, family);
      if (!family.heads.has(kind)) family.heads.set(kind, line);
      const samples = text.slice(index + line.length, heads[i + 1]?.index);
      if (samples === '') return;
      const bytes = Buffer.from(samples);
      const packed = bytes.length >= packedBytes;
      family.pieces.push({ workload, packed, bytes: packed ? deflateRawSync(bytes, { level: 1 }) : bytes });
    });
  }

  /** Everything, in pieces that end with a newline. */
  *text(): Generator<string, void, void> {
    for (const { heads, pieces } of this.#families.values()) {
      yield [...heads.values()].join('');
      for (const { workload, packed, bytes } of pieces) {
        const samples = (packed ? inflateRawSync(bytes) : bytes).toString();
        const text = labelled(samples, `workload="${workload.replace(/[\\"]/g, '\\$&')}"`);
        if (text !== '') yield text;
      }
    }
  }
}

function labelled(samples: string, label: string): string {
  let text = '';
  for (const [, name = '', labels = '', value = ''] of samples.matchAll(sample))
    text += `${name}{${label}${labels === '' ? '' : `,${labels}`}} ${value}\n`;
  return text;
}
