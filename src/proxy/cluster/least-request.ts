import type { Member } from './balancer.ts';
import { TwoChoices } from './two-choices.ts';

/** The one with fewer requests in progress from this sidecar. */
export class LeastRequest<T extends Member> extends TwoChoices<T> {
  protected better(a: T, b: T): T {
    return b.state.active < a.state.active ? b : a;
  }
}
