import type { PlanDocument } from '../api/types.ts';
import type { Output } from './output.ts';

/** Prints a plan as data: one line per operation, aligned, in the order of execution. */
export function printPlan(plan: PlanDocument, output: Output, json: boolean): void {
  if (json) {
    output.json(plan);
    return;
  }
  if (plan.operations.length === 0) output.note('nothing to do: what runs is what mesh.yaml asks for');
  const kindWidth = Math.max(0, ...plan.operations.map(each => each.kind.length));
  const targetWidth = Math.max(0, ...plan.operations.map(each => each.target.length));
  for (const { kind, target, cause } of plan.operations) {
    output.data(`${kind.padEnd(kindWidth)}  ${target.padEnd(targetWidth)}  ${cause}`.trimEnd());
  }
}
