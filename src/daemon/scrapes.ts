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
  /** Who did not answer last time is asked beside the others, so that those who hang make nobody wait in line behind them. */
  readonly #late = new Set<string>();

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
      this.#asking ??= ask(workloads, expositionOf, this.#late).finally(() => {
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

async function ask(
  workloads: readonly string[],
  expositionOf: (workload: string) => Promise<unknown>,
  late: Set<string>,
): Promise<MeshExposition> {
  const exposition = new MeshExposition();
  const beside = workloads.filter(workload => late.has(workload));
  const next = workloads.filter(workload => !late.has(workload)).values();
  const askOne = async (workload: string): Promise<void> => {
    const families = await expositionOf(workload).catch(() => null);
    const up = isPacked(families);
    if (up) late.delete(workload);
    else late.add(workload);
    const told = gaugeText('mesh_sidecar_up', 'Whether the metrics of the sidecar are in this answer.', [['', up ? 1 : 0]]);
    exposition.add(workload, packExposition(told));
    if (up) exposition.add(workload, families);
  };
  const askNext = async (): Promise<void> => {
    for (const workload of next) await askOne(workload);
  };
  for (const workload of late) if (!workloads.includes(workload)) late.delete(workload);
  await Promise.all([...beside.map(askOne), ...Array.from({ length: maxAsked }, askNext)]);
  return exposition;
}

function isPacked(value: unknown): value is readonly PackedFamily[] {
  return (
    Array.isArray(value) &&
    value.every((one: Partial<PackedFamily> | null) => typeof one?.head === 'string' && typeof one.samples === 'string')
  );
}
