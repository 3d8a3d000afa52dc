import type { Fault } from '../snapshot/route-rule.ts';

/** A fault put on calls to a service while the mesh runs, without a word in mesh.yaml. */
export interface LiveFault {
  readonly id: string;
  /** The service that is called: every rule that leads to it, at its callers and at gateways. */
  readonly service: string;
  /** Only the rule of this name; `null`: all of them, and raw TCP. */
  readonly route: string | null;
  readonly fault: Fault;
}
