/** A plan as text, so that a test shows what would happen and why. */
import type { Operation, Plan } from '../../src/runtime/runtime.ts';

const verbs: Record<Operation['kind'], string> = {
  'create-network': 'create network',
  'create-volume': 'create volume',
  'pull-image': 'pull image',
  'build-image': 'build image',
  'make-sidecar-image': 'make image',
  'make-pause-image': 'make image',
  'create-pod': 'create pod',
  'start-pod': 'start pod',
  'stop-pod': 'stop pod',
  'repair-pod': 'repair pod',
  'recreate-pod': 'recreate pod',
  'remove-pod': 'remove pod',
  'remove-network': 'remove network',
  'remove-volume': 'remove volume',
};

/** `create pod reviews-v1-1`: one operation in words, without its cause. */
function describeOperation(operation: Operation): string {
  return `${verbs[operation.kind]} ${operation.target}`;
}

/** One line per operation with its cause; `nothing to do` for an empty plan. Ends with a newline. */
export function printPlan(plan: Plan): string {
  if (plan.operations.length === 0) return `${plan.project}: nothing to do\n`;
  const width = Math.max(...plan.operations.map(one => describeOperation(one).length));
  return plan.operations.map(one => `${describeOperation(one).padEnd(width)}  (${one.cause})\n`).join('');
}
