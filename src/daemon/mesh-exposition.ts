import { type PackedFamily, unpackSamples } from '../telemetry/packed-exposition.ts';
import { headedName, readSample } from '../telemetry/sample-line.ts';

/** Text that comes out at once; between pieces others have their turn. */
const pieceChars = 256 * 1024;
/** Of one workload: sidecars have fewer, and theirs are shorter. */
const maxFamilies = 1_024;
const maxHead = 4_096;
/** Of one workload, inflated. */
const maxBytes = 64 * 1024 * 1024;
/** Of the series of a family, behind its name. */
const suffix = /^(?:_bucket|_sum|_count|_total)?$/;

interface Family {
  /** Lines, by what they tell: a second one of a kind would be refused. */
  readonly heads: Map<string, string>;
  readonly pieces: { readonly workload: string; readonly packed: Buffer }[];
}

/**
 * Text expositions of several workloads as one: each sample gets a `workload` label, and each family stands once and in one piece, as the format demands. A
 * large mesh has tens of megabytes of it: the pieces stay packed, and come out one at a time. What a sidecar says is not trusted: a line that Prometheus
 * would stumble over costs none of the others.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export class MeshExposition {
  readonly #families = new Map<string, Family>();

  /** Adds what a workload told. */
  add(workload: string, families: readonly PackedFamily[]): void {
    for (const { head, samples } of families.slice(0, maxFamilies)) {
      const lines = head.length > maxHead ? [] : head.split('\n').filter(line => headedName(line) !== null);
      const name = headedName(lines[0] ?? '');
      if (name === null) continue;
      const family: Family = this.#families.get(name) ?? { heads: new Map(), pieces: [] };
      this.#families.set(name, family);
      for (const line of lines) {
        const kind = line.slice(0, '# HELP'.length);
        if (headedName(line) === name && !family.heads.has(kind)) family.heads.set(kind, `${line}\n`);
      }
      family.pieces.push({ workload, packed: Buffer.from(samples, 'base64') });
    }
  }

  /** Everything, in pieces that end with a newline; what is no metric is left out. */
  *text(): Generator<string, void, void> {
    const left = new Map<string, number>();
    for (const [name, { heads, pieces }] of this.#families) {
      yield [...heads.values()].join('');
      for (const { workload, packed } of pieces) {
        const samples = unpacked(packed, left.get(workload) ?? maxBytes);
        // Who sends what ours do not send is not unpacked any further.
        left.set(workload, samples === null ? 0 : (left.get(workload) ?? maxBytes) - samples.length);
        yield* labelled(samples ?? '', name, `workload="${workload.replace(/[\\"]/g, '\\$&')}"`);
      }
    }
  }
}

/** `null` for what was not packed as it should be, or is too much: the others' metrics are whole. */
function unpacked(packed: Buffer, maxLength: number): string | null {
  try {
    return maxLength > 0 ? unpackSamples(packed, maxLength) : null;
  } catch {
    return null;
  }
}

function* labelled(samples: string, family: string, label: string): Generator<string, void, void> {
  let text = '';
  for (let at = 0; at < samples.length; ) {
    const end = samples.indexOf('\n', at);
    const line = samples.slice(at, end === -1 ? samples.length : end);
    at += line.length + 1;
    const sample = readSample(line, ['workload']);
    if (sample === null || !sample.name.startsWith(family) || !suffix.test(sample.name.slice(family.length))) continue;
    text += `${sample.name}{${label}${sample.labels === '' ? '' : `,${sample.labels}`}} ${sample.value}\n`;
    if (text.length < pieceChars) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}
