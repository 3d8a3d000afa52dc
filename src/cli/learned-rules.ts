import type { SeenCall } from '../api/access.ts';
import type { AccessYamlRule } from '../text/access-yaml.ts';

/** Calls by an identity: what a rule can name. */
type NamedCall = SeenCall & { readonly from: string };

/** Callers by what they call. */
type Relation = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * The fewest rules found that allow exactly the calls that were seen: by service, or with `requests` by method and path template. Calls without identity
 * are left out: no rule can name who made them.
 */
export function learnRules(calls: readonly SeenCall[], { requests }: { readonly requests: boolean }): readonly AccessYamlRule[] {
  const named = calls.filter((call): call is NamedCall => call.from !== null);
  const rules = requests ? requestRules(named) : serviceRules(named);
  return rules.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

function serviceRules(calls: readonly NamedCall[]): AccessYamlRule[] {
  return cover(relation(calls, call => call.to)).map(({ callers, called }) => ({ ...who(callers), to: called }));
}

/** A rule for each set of callers, port and methods: methods and paths of one rule allow each other, so only paths of the same methods share one. */
function requestRules(calls: readonly NamedCall[]): AccessYamlRule[] {
  const rules = new Map<string, { readonly rule: AccessYamlRule; readonly paths: string[] }>();
  const doors = Map.groupBy(calls, call => JSON.stringify([call.to, call.port]));
  for (const seen of doors.values()) {
    const paths = Map.groupBy(seen, call => call.path);
    for (const [path, atPath] of paths) {
      const callersOf = relation(atPath, call => call.method);
      // Methods with the same callers stand together.
      const sets = Map.groupBy(callersOf.keys(), method => JSON.stringify(sorted(callersOf.get(method) ?? [])));
      for (const [callers, methods] of sets) {
        const { to, port } = atPath[0] as NamedCall;
        const raw = path === '';
        const rule = {
          ...who(JSON.parse(callers) as string[]),
          to: [to],
          ports: [port],
          ...(raw ? {} : { methods: sorted(methods) }),
        };
        const key = JSON.stringify(rule);
        const known = rules.get(key) ?? { rule, paths: [] as string[] };
        rules.set(key, known);
        if (!raw) known.paths.push(path);
      }
    }
  }
  return [...rules.values()].map(({ rule, paths }) => (paths.length === 0 ? rule : { ...rule, paths: sorted(paths) }));
}

/** Who calls each of the things. */
function relation(calls: readonly NamedCall[], thing: (call: NamedCall) => string): Relation {
  const callers = new Map<string, Set<string>>();
  for (const call of calls) {
    const known = callers.get(thing(call)) ?? new Set();
    callers.set(thing(call), known.add(call.from));
  }
  return callers;
}

/** Callers all of whom call all of the called. */
interface Block {
  readonly callers: readonly string[];
  readonly called: readonly string[];
}

/** Covers a relation exactly with few blocks: the one that covers most of what is left, again and again. */
function cover(relation: Relation): Block[] {
  const candidates = blocks(relation);
  const open = new Set([...relation].flatMap(([called, callers]) => [...callers].map(caller => pair(caller, called))));
  const chosen: Block[] = [];
  while (open.size > 0) {
    const gain = (block: Block): number =>
      block.callers.reduce((sum, caller) => sum + block.called.filter(called => open.has(pair(caller, called))).length, 0);
    const best = candidates.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    // What others allow already need not be said again.
    const callers = best.callers.filter(caller => best.called.some(called => open.has(pair(caller, called))));
    const called = best.called.filter(called => callers.some(caller => open.has(pair(caller, called))));
    for (const caller of callers) for (const each of called) open.delete(pair(caller, each));
    chosen.push({ callers, called });
  }
  // Greed can be beaten by the plain form: callers with all that they call.
  const plain = callersTogether(relation);
  return chosen.length <= plain.length ? chosen : plain;
}

/** Callers that call just the same share a block. */
function callersTogether(relation: Relation): Block[] {
  const callers = sorted(new Set([...relation.values()].flatMap(set => [...set])));
  const calledBy = (caller: string): string[] => sorted([...relation.keys()].filter(thing => relation.get(thing)?.has(caller)));
  return [...Map.groupBy(callers, caller => JSON.stringify(calledBy(caller))).values()].map(group => ({
    callers: group,
    called: calledBy(group[0] ?? ''),
  }));
}

/** The largest blocks that begin with one called thing, with two, or with one caller. */
function blocks(relation: Relation): Block[] {
  const things = [...relation.keys()];
  const callersOf = (thing: string): ReadonlySet<string> => relation.get(thing) ?? new Set();
  const callers = new Set(things.flatMap(thing => [...callersOf(thing)]));
  const sets = [
    ...things.map(thing => [...callersOf(thing)]),
    ...things.flatMap((a, index) =>
      things.slice(index + 1).map(b => [...callersOf(a)].filter(caller => callersOf(b).has(caller))),
    ),
    ...[...callers].map(caller => [caller]),
  ].filter(set => set.length > 0);
  const found = new Map<string, Block>();
  for (const set of sets) {
    const block = {
      callers: sorted(set),
      called: sorted(things.filter(thing => set.every(caller => callersOf(thing).has(caller)))),
    };
    found.set(JSON.stringify(block.callers), block);
  }
  return [...found.values()];
}

function pair(caller: string, called: string): string {
  return JSON.stringify([caller, called]);
}

/** Services and gateways by name, everybody else by identity. */
function who(callers: readonly string[]): Pick<AccessYamlRule, 'from' | 'principals'> {
  const { ids = [], names = [] } = Object.groupBy(callers, caller => (caller.startsWith('spiffe://') ? 'ids' : 'names'));
  return { ...(names.length === 0 ? {} : { from: names }), ...(ids.length === 0 ? {} : { principals: ids }) };
}

function sorted(texts: Iterable<string>): string[] {
  return [...texts].sort();
}

function sortKey({ from = [], principals = [], to, ports = [], paths = [] }: AccessYamlRule): string {
  return JSON.stringify([[...from, ...principals].join(), to.join(), ports, paths]);
}
