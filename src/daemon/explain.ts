import { MeshError } from '../api/mesh-error.ts';
import { apiVersion, type ExplanationDocument } from '../api/types.ts';
import { suggest } from '../config/nearest.ts';
import type { ObservedPod } from '../runtime/runtime.ts';
import type { ExplainRequest } from '../snapshot/explanation.ts';
import type { ControlPort } from './control-port.ts';

/** Asks the sidecar of a workload, or of a service's or gateway's first one: all of them run the same rules. @throws MeshError `unknown-workload`, `no-config` */
export async function explainFor(
  from: string,
  request: ExplainRequest,
  pods: readonly ObservedPod[],
  control: ControlPort,
): Promise<ExplanationDocument> {
  const pod = pods.find(each => each.workload === from) ?? pods.find(each => each.service === from);
  if (pod === undefined) throw unknownWorkload(from, pods);
  const explanation = await control.explain(pod.workload, request);
  if (explanation === null)
    throw new MeshError('no-config', `${pod.workload} has no configuration yet`, '`mesh proxy-status` says why');
  return { apiVersion, kind: 'Explanation', workload: pod.workload, ...explanation };
}

/** Nobody of this name runs. */
export function unknownWorkload(name: string, pods: readonly ObservedPod[]): MeshError {
  return new MeshError(
    'unknown-workload',
    `no workload "${name}" runs`,
    suggest(
      name,
      pods.flatMap(pod => [pod.workload, pod.service]),
    ),
  );
}
