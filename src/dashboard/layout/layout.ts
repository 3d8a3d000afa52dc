/** A graph to be laid out, left to right along its edges. */
export interface LayoutQuestion {
  readonly number: number;
  /** Sizes in pixels. */
  readonly nodes: readonly { readonly id: string; readonly width: number; readonly height: number }[];
  readonly edges: readonly { readonly source: string; readonly target: string }[];
}

/** Middles of the nodes, pixels. */
export interface LayoutAnswer {
  readonly number: number;
  readonly places: readonly { readonly id: string; readonly x: number; readonly y: number }[];
}

/** Asks the worker; a question that a newer one followed is never answered. */
export class Layouts {
  readonly #worker: Worker;
  #number = 0;

  /** `onPlaces`: gets the answer to the newest question. */
  constructor(onPlaces: (places: LayoutAnswer['places']) => void) {
    const script = document.getElementById('layout-worker')?.getAttribute('content') ?? '';
    this.#worker = new Worker(script, { type: 'module' });
    this.#worker.onmessage = ({ data }: MessageEvent<LayoutAnswer>) => {
      if (data.number === this.#number) onPlaces(data.places);
    };
  }

  ask(question: Omit<LayoutQuestion, 'number'>): void {
    this.#number += 1;
    this.#worker.postMessage({ ...question, number: this.#number } satisfies LayoutQuestion);
  }

  close(): void {
    this.#worker.terminate();
  }
}
