import type { ObservedPod } from '../runtime/runtime.ts';
import type { ControlPort } from './control-port.ts';
import { allHealthy } from './pod-report.ts';

/** What a `ServingWatch` looks at and tells. */
export interface ServingWatchParts {
  readonly control: Pick<ControlPort, 'whenAppListening' | 'settled'>;
  /** Ends all waiting. */
  readonly ending: AbortSignal;
  readonly onServing: () => void;
  readonly onTrouble: (error: unknown) => void;
}

/** Says once that the mesh serves: health checks are good, apps listen, and every sidecar knows of all of them. */
export class ServingWatch {
  readonly #parts: ServingWatchParts;
  #said = true;
  #wait = new AbortController();

  constructor(parts: ServingWatchParts) {
    this.#parts = parts;
  }

  /** There is something new to wait for. */
  again(pods: readonly ObservedPod[]): void {
    this.#said = false;
    this.look(pods);
  }

  /** The pods as they are now: begins the wait anew, so that an app which has ended meanwhile is not waited for. */
  look(pods: readonly ObservedPod[]): void {
    if (this.#said || !allHealthy(pods)) return;
    this.#wait.abort();
    this.#wait = new AbortController();
    const signal = AbortSignal.any([this.#wait.signal, this.#parts.ending]);
    this.#serving(pods, signal).then(
      () => {
        if (signal.aborted || this.#said) return;
        this.#said = true;
        this.#parts.onServing();
      },
      error => {
        if (!signal.aborted) this.#parts.onTrouble(error);
      },
    );
  }

  async #serving(pods: readonly ObservedPod[], signal: AbortSignal): Promise<void> {
    const { control } = this.#parts;
    const running = pods.filter(pod => pod.app?.state === 'running');
    await Promise.all(running.map(pod => control.whenAppListening(pod.workload, signal)));
    await control.settled(signal);
  }
}
