/** A way to get bytes through two proxies with mTLS between them: client → front ⇢ mTLS ⇢ back → backend. */
export interface Chain {
  readonly name: string;
  /** Address the load goes to. */
  readonly url: string;
  /** Processes whose CPU is the cost of the chain: the server's side first. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Ports of one run, all on 127.0.0.1. */
export interface ChainPorts {
  readonly front: number;
  readonly back: number;
  readonly backend: number;
}

/** What client and backend speak. */
export type Spoken = 'HTTP/1.1' | 'HTTP/2' | 'TCP';
