import type { RequestFacts } from './mesh-metrics.ts';

/** What a rule took. */
export interface RuleHits {
  hits: number;
  failures: number;
}

/** Rules that are counted one by one on an edge; their names come from mesh.yaml, and reloads bring new ones. */
const maxRules = 256;

/** How the requests of one edge went, beside what its series count. */
export class EdgeTally {
  /** No answer, 5xx, or a gRPC status other than 0. A client that went away is nobody's failure. */
  failures = 0;
  /** 4xx. */
  clientErrors = 0;
  /** Refused by access rules or an external authorizer, among the 4xx. */
  denied = 0;
  /** Whether any of them was a gRPC call. */
  grpc = false;
  /** By the rule's name. */
  readonly rules: Map<string, RuleHits> = new Map();

  /** Counts one request. `rule`: `null` where none took it. */
  count({ status, flag, grpcStatus, details }: RequestFacts & { readonly details: string }, rule: string | null): void {
    if (grpcStatus !== null) this.grpc = true;
    const failed = flag !== 'DC' && (status === 0 || status >= 500 || (grpcStatus !== null && grpcStatus !== '0'));
    if (failed) this.failures++;
    else if (status >= 400) this.clientErrors++;
    if (status === 403 && (flag === 'UAEX' || details.startsWith('rbac_access_denied'))) this.denied++;
    if (rule !== null) this.#hit(rule, failed);
  }

  #hit(rule: string, failed: boolean): void {
    let hits = this.rules.get(rule);
    if (hits === undefined) {
      if (this.rules.size >= maxRules) return;
      hits = { hits: 0, failures: 0 };
      this.rules.set(rule, hits);
    }
    hits.hits++;
    if (failed) hits.failures++;
  }
}
