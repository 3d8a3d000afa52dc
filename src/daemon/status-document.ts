import type { Project } from '../api/backend.ts';
import { apiVersion, type StatusDocument } from '../api/types.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import type { ObservedPod } from '../runtime/runtime.ts';
import { configVersion } from './config-change.ts';
import type { ControlPort } from './control-port.ts';
import { awaitedPorts, gatewayStatuses, workloadStatus } from './pod-report.ts';

/** What a status is made of. */
export interface StatusFacts
  extends Pick<StatusDocument, 'engine' | 'faults'>,
    Pick<StatusDocument['daemon'], 'pid' | 'version' | 'phase' | 'reason'> {
  readonly project: Project;
  readonly control: Pick<ControlPort, 'status'>;
  readonly web: { readonly url: string | null };
  /** In force. */
  readonly config: MeshConfig;
  readonly pods: readonly ObservedPod[];
  readonly reloads: Pick<StatusDocument['config'], 'lastReload' | 'reloading' | 'diagnostics'>;
  readonly issuers: NonNullable<StatusDocument['issuers']>;
  /** Ms since epoch, both. */
  readonly startedAtMs: number;
  readonly nowMs: number;
}

/** The answer of `mesh status`. */
export function statusDocument(facts: StatusFacts): StatusDocument {
  const { project, control, config, pods, engine, faults, issuers, pid, version, phase, reason, startedAtMs, nowMs } = facts;
  const proxies = control.status();
  return {
    apiVersion,
    kind: 'Status',
    project: config.name,
    trustDomain: config.trustDomain,
    daemon: {
      pid,
      version,
      startedAt: new Date(startedAtMs).toISOString(),
      uptimeMs: nowMs - startedAtMs,
      phase,
      reason,
      adminUrl: facts.web.url,
    },
    engine,
    config: { file: project.file, version: configVersion(config), ...facts.reloads },
    workloads: pods
      .map(pod => workloadStatus(pod, proxies.get(pod.workload) ?? null, awaitedPorts(config, pod)))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    gateways: gatewayStatuses(config),
    ...(issuers.length === 0 ? {} : { issuers }),
    faults,
  };
}
