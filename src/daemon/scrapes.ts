import { MeshError } from '../api/mesh-error.ts';
import { gaugeText } from '../telemetry/exposition.ts';
import { type PackedFamily, packExposition } from '../telemetry/packed-exposition.ts';
import { MeshExposition } from './mesh-exposition.ts';

/** Answers under way; each of them holds a piece of text, and takes the daemon's time. */
const maxReaders = 8;
/** Sidecars asked at once. */
const maxAsked = 4;

/** Gives out the metrics of all sidecars. Who asks while they are being asked already shares their answers; a sidecar that does not answer is left out, and told. */
export class Scrapes {
  #asking: Promise<MeshExposition> | null = null;
  #readers = 0;

  /**
   * Text exposition in pieces: that of the daemon, then that of the sidecars. `expositionOf`: what a sidecar counts; rejects where it cannot be asked.
   * @throws MeshError `too-many-scrapes`
   */
  async *read(
    own: () => Promise<string>,
    workloads: readonly string[],
    expositionOf: (workload: string) => Promise<unknown>,
  ): AsyncGenerator<string, void, void> {
    if (this.#readers >= maxReaders)
      throw new MeshError(
        'too-many-scrapes',
        `${maxReaders} scrapes are under way`,
        'one Prometheus every few seconds is enough',
      );
    this.#readers++;
    try {
      this.#asking ??= ask(workloads, expositionOf).finally(() => {
        this.#asking = null;
      });
      const exposition = await this.#asking;
      yield await own();
      yield* exposition.text();
    } finally {
      this.#readers--;
    }
  }
}

async function ask(workloads: readonly string[], expositionOf: (workload: string) => Promise<unknown>): Promise<MeshExposition> {
  const exposition = new MeshExposition();
  const next = workloads.values();
  const askNext = async (): Promise<void> => {
    for (const workload of next) {
      const families = await expositionOf(workload).catch(() => null);
      const up = isPacked(families);
      const told = gaugeText('mesh_sidecar_up', 'Whether the metrics of the sidecar are in this answer.', [['', up ? 1 : 0]]);
      exposition.add(workload, packExposition(told));
      if (up) exposition.add(workload, families);
    }
  };
  await Promise.all(Array.from({ length: maxAsked }, askNext));
  return exposition;
}

function isPacked(value: unknown): value is readonly PackedFamily[] {
  return (
    Array.isArray(value) &&
    value.every((one: Partial<PackedFamily> | null) => typeof one?.head === 'string' && typeof one.samples === 'string')
  );
}
