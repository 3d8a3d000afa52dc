/** What sidecars answer to questions, checked: an answer of another form is no bug of the daemon's. */
import type { Explanation } from '../snapshot/explanation.ts';
import type { Judgement, RuleJudgement } from '../snapshot/judgement.ts';
import type { ObservedCall, ObservedCalls } from '../snapshot/observed-call.ts';
import { few, flag, list, nullable, object, oneOf, type Shape, SnapshotError, share, short, whole } from '../snapshot/shape.ts';
import { ControlError } from './control-error.ts';

/** Rules and expressions of mesh.yaml stand in them, or paths. */
const words = short(64 * 1024);
const name = short(2_048);
/** Nothing that sidecars tell is half as deep; who writes an answer as JSON goes down as far as it does. */
const maxDepth = 64;

/** Answer to `calls`. */
const callsShape = object<ObservedCalls>({
  more: flag,
  calls: few(
    16_384,
    object<ObservedCall>({
      principal: nullable(name),
      port: whole(0, 65_535),
      method: words,
      path: words,
      allowed: flag,
      calls: whole(0),
    }),
  ),
});

const judgementShape = nullable(
  object<Judgement>({
    verdict: oneOf('allowed', 'denied', 'asks'),
    rule: nullable(name),
    reason: words,
    rules: list(object<RuleJudgement>({ name, action: name, dryRun: flag, matches: flag, failed: words })),
  }),
);

/** As far as the daemon goes by it; the rest is for people. */
const routeShape: Shape<unknown> = (value, path) => {
  const outcome = member(value, 'outcome');
  if (outcome === null || outcome === undefined) return value;
  name(member(outcome, 'rule'), `${path}.outcome.rule`);
  const action = member(outcome, 'action');
  name(member(action, 'kind'), `${path}.outcome.action.kind`);
  for (const key of ['path', 'authority']) {
    const found = member(action, key);
    if (found !== undefined && found !== null) words(found, `${path}.outcome.action.${key}`);
  }
  const destinations = member(action, 'destinations');
  if (destinations === undefined) return value;
  list((each, at) => [name(member(each, 'cluster'), `${at}.cluster`), nullable(share(1))(member(each, 'odds'), `${at}.odds`)])(
    destinations,
    `${path}.outcome.action.destinations`,
  );
  return value;
};

const explanationShape = nullable(object<Explanation>({ listener: words, lines: list(words), route: nullable(routeShape) }));

/** @throws ControlError `protocol` */
export const readCalls: (body: unknown) => ObservedCalls = reader(callsShape);
/** `null`: the sidecar has no snapshot yet. @throws ControlError `protocol` */
export const readJudgement: (body: unknown) => Judgement | null = reader(judgementShape);
/** `null`: the sidecar has no snapshot yet. @throws ControlError `protocol` */
export const readExplanation: (body: unknown) => Explanation | null = reader(explanationShape);

/** Whether a value of JSON can be written again without end of the stack. */
export function isShallow(value: unknown, depth = maxDepth): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every(each => isShallow(each, depth - 1));
}

function reader<T>(shape: Shape<T>): (body: unknown) => T {
  return body => {
    try {
      return shape(body, 'answer');
    } catch (error) {
      if (error instanceof SnapshotError) throw new ControlError('protocol', `from the sidecar: ${error.message}`);
      throw error;
    }
  };
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
