import type { EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { Downstream } from '../data-plane.ts';
import type { Verdict } from '../filters/filter.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { Routing, Tables } from '../tables.ts';
import type { Decision } from './exchange-role.ts';
import { callerCut, meshKeepAliveMs, type RoleParts, RoutingRole } from './roles.ts';

/** Requests of the app to addresses that the mesh does not know: routed by Host, sent on to where they were going. */
export class EgressRole extends RoutingRole {
  readonly keepAliveMs = meshKeepAliveMs;
  protected readonly cut = callerCut;
  protected readonly caller;
  readonly #port: number;
  readonly #original: (cluster: ClusterRuntime) => ClusterRuntime;
  readonly #swallowed: () => ClusterRuntime | null;

  /** `original`: a cluster with the connection's own destination in place of no endpoint. `swallowed`: counts what is refused. */
  constructor(
    downstream: Downstream,
    unrouted: EdgeRequests,
    parts: RoleParts,
    original: (cluster: ClusterRuntime) => ClusterRuntime,
    swallowed: () => ClusterRuntime | null,
  ) {
    super(unrouted, parts, []);
    this.caller = { principal: null, address: downstream.remoteAddress, scheme: 'http' } as const;
    this.#port = downstream.localPort;
    this.#original = original;
    this.#swallowed = swallowed;
  }

  protected routing({ egress }: Tables): Routing {
    return { filters: [], table: egress.table(this.#port) };
  }

  override decide(head: RequestHead, decision: Decision): Verdict {
    const end = super.decide(head, decision);
    const { cluster } = decision;
    if (cluster === null) decision.cluster = this.#swallowed();
    else if (cluster.cluster.resolution === 'original') decision.cluster = this.#original(cluster);
    return end;
  }
}
