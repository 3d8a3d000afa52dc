/** A graph to be laid out along its edges. */
export interface LayoutQuestion {
  readonly number: number;
  readonly nodes: readonly LayoutNode[];
  readonly edges: readonly { readonly source: string; readonly target: string }[];
  /** Width of the window by its height. */
  readonly ratio: number;
}

/** Something with a size, pixels. */
export interface LayoutNode {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** Its size where edges go down; absent: the same. */
  readonly across?: { readonly width: number; readonly height: number };
}

/** Where nodes are. */
export interface LayoutAnswer {
  readonly number: number;
  /** Edges go down, not to the right. */
  readonly down: boolean;
  /** Middles, pixels. */
  readonly places: readonly { readonly id: string; readonly x: number; readonly y: number }[];
}

/** Asks the worker; a question that a newer one followed is never answered. */
export class Layouts {
  readonly #worker: Worker;
  #number = 0;

  /** `onPlaces`: gets the answer to the newest question. `onTrouble`: there will be none. */
  constructor(onPlaces: (answer: LayoutAnswer) => void, onTrouble: () => void) {
    const script = document.getElementById('layout-worker')?.getAttribute('content') ?? '';
    this.#worker = new Worker(script, { type: 'module' });
    this.#worker.onerror = onTrouble;
    this.#worker.onmessage = ({ data }: MessageEvent<LayoutAnswer>) => {
      if (data.number === this.#number) onPlaces(data);
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
