import type { FaultRequest, FaultStatus, FaultsDocument } from '../api/fault.ts';
import { MeshError } from '../api/mesh-error.ts';
import { apiVersion, type MeshEventBody } from '../api/types.ts';
import type { Clock } from '../async/clock.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import { suggest } from '../config/nearest.ts';
import { destinationsOf } from '../config/rule-destinations.ts';
import type { LiveFault } from '../control/live-fault.ts';
import { faultText } from '../snapshot/fault-text.ts';

/** Each is part of every rule it is on, in every caller's snapshot: a script that forgets to remove them must not outgrow the channel. */
const maxFaults = 100;

/** What live faults act on. */
export interface LiveFaultsParts {
  readonly clock: Clock;
  readonly config: () => MeshConfig;
  /** Puts these in force, instead of those before. */
  readonly apply: (faults: readonly LiveFault[]) => void;
  /** Resolves when the sidecars act on it, or will not. */
  readonly settled: () => Promise<unknown>;
  readonly emit: (event: MeshEventBody) => void;
}

/** The faults put on a running mesh by hand: kept by the daemon alone, so that they go with it and never with a file. */
export class LiveFaults {
  readonly #parts: LiveFaultsParts;
  readonly #faults = new Map<string, { readonly status: FaultStatus; readonly cancel: () => void }>();
  #count = 0;

  constructor(parts: LiveFaultsParts) {
    this.#parts = parts;
  }

  /** In the order in which they were put there. */
  get statuses(): readonly FaultStatus[] {
    const now = this.#parts.clock.now();
    return [...this.#faults.values()].map(({ status }) => ({
      ...status,
      remainingMs: status.expiresAt === null ? null : Math.max(0, Date.parse(status.expiresAt) - now),
    }));
  }

  async list(): Promise<FaultsDocument> {
    return { apiVersion, kind: 'Faults', faults: this.statuses };
  }

  /** Resolves when it is in force. @throws MeshError `unknown-service`, `unknown-route`, `http-on-tcp`, `too-many-faults` */
  async add(request: FaultRequest): Promise<FaultStatus> {
    this.#check(request);
    if (this.#faults.size >= maxFaults)
      throw new MeshError('too-many-faults', `${maxFaults} faults are in force`, 'remove some: `mesh fault rm --all`');
    const { clock } = this.#parts;
    const id = `${request.fault.kind}-${++this.#count}`;
    const { forMs } = request;
    const now = clock.now();
    const status: FaultStatus = {
      ...request,
      id,
      effect: faultText(request.fault),
      addedAt: new Date(now).toISOString(),
      expiresAt: forMs === null ? null : new Date(now + forMs).toISOString(),
      remainingMs: forMs,
    };
    const cancel = forMs === null ? () => undefined : clock.after(forMs, () => this.#expire(id));
    this.#faults.set(id, { status, cancel });
    this.#apply();
    this.#tell('added', status);
    await this.#parts.settled();
    return status;
  }

  /** Removes some, or `all`; resolves when that is in force. @throws MeshError `unknown-fault`, and none is removed */
  async remove(ids: readonly string[] | 'all'): Promise<FaultsDocument> {
    const chosen = ids === 'all' ? [...this.#faults.keys()] : ids;
    const unknown = chosen.find(id => !this.#faults.has(id));
    if (unknown !== undefined) {
      const known = [...this.#faults.keys()];
      throw new MeshError(
        'unknown-fault',
        `no fault "${unknown}"`,
        known.length === 0 ? 'no fault is in force' : `one of ${known.join(', ')}`,
      );
    }
    for (const id of chosen) {
      const entry = this.#faults.get(id);
      entry?.cancel();
      this.#faults.delete(id);
      if (entry !== undefined) this.#tell('removed', entry.status);
    }
    this.#apply();
    await this.#parts.settled();
    return this.list();
  }

  /** Timers end; what sidecars run stays. */
  close(): void {
    for (const { cancel } of this.#faults.values()) cancel();
  }

  #expire(id: string): void {
    const entry = this.#faults.get(id);
    if (entry === undefined) return;
    this.#faults.delete(id);
    this.#apply();
    this.#tell('expired', entry.status);
  }

  #tell(change: 'added' | 'removed' | 'expired', { id, service, route, effect }: FaultStatus): void {
    this.#parts.emit({
      kind: 'fault',
      change,
      text: `${id}: ${effect} on ${route === null ? service : `${service} (${route})`}`,
    });
  }

  #apply(): void {
    this.#parts.apply(this.statuses.map(({ id, service, route, fault }) => ({ id, service, route, fault })));
  }

  #check({ service, route, fault }: FaultRequest): void {
    const { services: inside, external = [], gateways } = this.#parts.config();
    const services = [...inside, ...external];
    const target = services.find(each => each.name === service);
    if (target === undefined) {
      const names = services.map(each => each.name);
      throw new MeshError('unknown-service', `no service "${service}"`, suggest(service, names));
    }
    if (fault.kind === 'abort' && target.ports.length > 0 && target.ports.every(({ protocol }) => protocol === 'tcp'))
      throw new MeshError(
        'http-on-tcp',
        `${service} speaks tcp: nobody could answer with a status`,
        'use --reset, --blackhole or --delay 2s',
      );
    if (route === null) return;
    const leading = gateways.flatMap(gateway =>
      gateway.routes.filter(rule => destinationsOf(rule).some(destination => destination.service === service)),
    );
    const names = [...target.routes, ...leading].map(rule => rule.name);
    if (names.includes(route)) return;
    const hint = names.length === 0 ? `${service} has no rules; leave --route out` : suggest(route, names);
    throw new MeshError('unknown-route', `no rule "${route}" leads to ${service}`, hint);
  }
}
