import type { MeshEventBody } from '../api/types.ts';
import type { Clock } from '../async/clock.ts';
import { Digest } from './digest.ts';

/** Brings what sidecars and control plane report to the events: what many report alike, or one again and again, is told together. */
export class Notices {
  readonly #digest: Digest;
  readonly #emit: (event: MeshEventBody) => void;

  constructor(clock: Clock, emit: (event: MeshEventBody) => void) {
    this.#digest = new Digest(clock);
    this.#emit = emit;
  }

  take(notice: MeshEventBody): void {
    switch (notice.kind) {
      case 'nack':
      case 'certificates': {
        const { workloads, ...rest } = notice;
        this.#gather(rest, workloads, names => ({ ...notice, workloads: names }));
        return;
      }
      case 'endpoint': {
        const { by, ...rest } = notice;
        this.#gather(rest, by, names => ({ ...notice, by: names }));
        return;
      }
      case 'overflow': {
        const { by, refused, ...rest } = notice;
        this.#gather(rest, by, (names, count) => ({ ...notice, by: names, refused: count }), refused);
        return;
      }
      case 'warning':
        this.#gather(notice, [''], () => notice);
        return;
      default:
        this.#emit(notice);
    }
  }

  #gather(
    equal: object,
    who: readonly string[],
    event: (who: readonly string[], count: number) => MeshEventBody,
    count?: number,
  ): void {
    const key = JSON.stringify(equal);
    for (const name of who) this.#digest.add(key, name, (names, sum) => this.#emit(event(names, sum)), count);
  }
}
