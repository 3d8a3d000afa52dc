import { isOfConnection } from '../../access/access-facts.ts';
import type { AccessCondition, AccessPolicy, AccessRule } from '../../snapshot/access-policy.ts';
import type { AccessDecisions, DecisionCounter } from '../../telemetry/access-decisions.ts';
import type { AccessCaller, AccessRequest } from './access-request.ts';
import { type CallerTest, compileCallerTest, compileRequestTest, type RequestTest } from './condition.ts';
import { type OpenRule, RuleSet } from './rule-set.ts';

/** How a policy judged. Made with the policy, not with the request. */
export interface AccessVerdict {
  readonly allowed: boolean;
  /** The rule that decided; `null`: none did, but the default. */
  readonly rule: AccessRule | null;
  readonly counter: DecisionCounter;
}

/** The rule as logs name it: their details have no spaces. */
export function ruleName({ rule }: AccessVerdict): string {
  return rule === null ? 'none' : rule.name.replaceAll(/\s/g, '_');
}

/** Where a policy is enforced. */
export interface JudgedPort {
  readonly port: number;
  /** The address of the connection is that of the real client. */
  readonly direct: boolean;
}

interface CompiledRule {
  readonly rule: AccessRule;
  readonly verdict: AccessVerdict;
  /** Places of its conditions on connections in `AccessJudge.#tests`. */
  readonly ofCaller: readonly number[];
  readonly ofRequest: readonly RequestTest[];
}

/** Of callers that rules tell apart so many rules are kept ready, some 10 MB; then it is begun anew. */
const maxRemembered = 20_000;

/**
 * Judges by one policy, requests and raw connections alike. Conditions on connections are answered once for each connection, those on requests are looked up.
 * @see Istio AuthorizationPolicy
 */
export class AccessJudge {
  readonly #rules: readonly CompiledRule[];
  /** Every condition on connections that a rule has, once. */
  readonly #tests: readonly CallerTest[];
  readonly #byDefault: AccessPolicy['default'];
  readonly #decisions: AccessDecisions;
  readonly #known = new WeakMap<AccessCaller, CallerRules>();
  readonly #kinds = new Map<string, CallerRules>();
  #remembered = 0;

  constructor({ rules, default: byDefault }: AccessPolicy, at: JudgedPort, decisions: AccessDecisions) {
    const tests: CallerTest[] = [];
    const places = new Map<string, number>();
    const place = (condition: AccessCondition): number => {
      const key = JSON.stringify(condition);
      const known = places.get(key) ?? tests.push(compileCallerTest(condition, at.port)) - 1;
      places.set(key, known);
      return known;
    };
    this.#rules = rules.map(rule => {
      const ofCaller = rule.conditions.filter(({ on }) => isOfConnection(on, at.direct));
      const ofRequest = rule.conditions.filter(({ on }) => !isOfConnection(on, at.direct));
      const result = rule.action === 'deny' ? 'denied' : rule.action === 'audit' ? 'audited' : 'allowed';
      return {
        rule,
        verdict: { allowed: rule.action === 'allow', rule, counter: decisions.of(rule.name, rule.action, result, false) },
        ofCaller: [...new Set(ofCaller.map(place))],
        ofRequest: ofRequest.map(condition => compileRequestTest(condition, rule.action)),
      };
    });
    this.#tests = tests;
    this.#byDefault = byDefault;
    this.#decisions = decisions;
  }

  /** The policy as it is for one connection. `caller`: the same object for as long as the connection lasts. */
  of(caller: AccessCaller): CallerRules {
    let known = this.#known.get(caller);
    if (known === undefined) {
      known = this.#kindOf(caller);
      this.#known.set(caller, known);
    }
    return known;
  }

  #kindOf(caller: AccessCaller): CallerRules {
    const answers = this.#tests.map(test => test(caller));
    const kind = answers.map(Number).join('');
    let rules = this.#kinds.get(kind);
    if (rules === undefined) {
      const holding = this.#rules.filter(({ ofCaller }) => ofCaller.every(place => answers[place] === true));
      rules = new CallerRules(holding, this.#rules, this.#byDefault, this.#decisions);
      this.#remembered += holding.length + 1;
      if (this.#remembered > maxRemembered) {
        this.#kinds.clear();
        this.#remembered = holding.length + 1;
      }
      this.#kinds.set(kind, rules);
    }
    return rules;
  }
}

/** One judgement of deny, then allow, then the default. */
class Enforced {
  readonly #deny: RuleSet<AccessVerdict>;
  readonly #allow: RuleSet<AccessVerdict>;
  readonly #otherwise: AccessVerdict;
  /** Of raw TCP. */
  readonly connection: AccessVerdict;
  readonly refusesAll: boolean;

  constructor(holding: readonly CompiledRule[], otherwise: AccessVerdict) {
    const deny = holding.filter(({ rule }) => rule.action === 'deny');
    const allow = holding.filter(({ rule }) => rule.action === 'allow');
    this.#deny = new RuleSet(deny.map(open));
    this.#allow = new RuleSet(allow.map(open));
    this.#otherwise = otherwise;
    this.refusesAll = deny.some(({ ofRequest }) => ofRequest.length === 0) || (allow.length === 0 && !otherwise.allowed);
    // What raw TCP cannot tell counts against the caller: it never lets through, and is left out of what refuses (it may refuse more).
    this.connection = deny[0]?.verdict ?? allow.find(({ ofRequest }) => ofRequest.length === 0)?.verdict ?? otherwise;
  }

  request(request: AccessRequest): AccessVerdict {
    return this.#deny.first(request) ?? this.#allow.first(request) ?? this.#otherwise;
  }
}

/** The rules that are left for one kind of caller. */
export class CallerRules {
  readonly #enforced: Enforced;
  /** As if dry runs were none; `null`: there are none. */
  readonly #shadow: Enforced | null;
  readonly #audit: RuleSet<AccessVerdict>;
  readonly #connectionShadows: readonly AccessVerdict[];
  readonly #custom: RuleSet<AccessRule>;
  readonly #customRules: readonly AccessRule[];
  readonly #customDryRuns: RuleSet<AccessRule>;

  constructor(
    holding: readonly CompiledRule[],
    all: readonly CompiledRule[],
    byDefault: AccessPolicy['default'],
    decisions: AccessDecisions,
  ) {
    const otherwise = (rules: readonly CompiledRule[], dryRun: boolean): AccessVerdict => {
      const allowed = byDefault === 'allow' && !rules.some(({ rule }) => rule.action === 'allow');
      return { allowed, rule: null, counter: decisions.of('', 'default', allowed ? 'allowed' : 'denied', dryRun) };
    };
    const enforced = ({ rule }: CompiledRule): boolean => rule.dryRun !== true;
    this.#enforced = new Enforced(holding.filter(enforced), otherwise(all.filter(enforced), false));
    this.#shadow = all.every(enforced)
      ? null
      : new Enforced(
          holding.map(one => ({ ...one, verdict: shadowOf(one.verdict, decisions) })),
          otherwise(all, true),
        );
    const custom = holding.filter(one => one.rule.action === 'custom' && enforced(one));
    const dryRuns = holding.filter(one => one.rule.action === 'custom' && !enforced(one));
    const openRule = ({ rule, ofRequest }: CompiledRule): OpenRule<AccessRule> => ({ what: rule, tests: ofRequest });
    this.#custom = new RuleSet(custom.map(openRule));
    this.#customDryRuns = new RuleSet(dryRuns.map(openRule));
    this.#customRules = custom.map(({ rule }) => rule);
    const audit = holding.filter(({ rule }) => rule.action === 'audit');
    this.#audit = new RuleSet(audit.map(open));
    this.#connectionShadows = [
      ...audit.map(({ verdict }) => verdict),
      ...(this.#shadow === null ? [] : [this.#shadow.connection]),
    ];
  }

  /** What deny and allow rules and the default say of a request. Rules `custom` come before: see `customs`. */
  request(request: AccessRequest): AccessVerdict {
    return this.#enforced.request(request);
  }

  /** Whether there are rules that enforce nothing, but are to be reported. */
  get marks(): boolean {
    return this.#shadow !== null || !this.#audit.empty;
  }

  /** As `request`, with the rules of dry runs enforced too; `null`: there are no such rules. */
  shadow(request: AccessRequest): AccessVerdict | null {
    return this.#shadow === null ? null : this.#shadow.request(request);
  }

  /** Rules `audit` that match, in order. */
  audits(request: AccessRequest): readonly AccessVerdict[] {
    return this.#audit.all(request);
  }

  /** Rules `custom` that match, in order: each names an authorizer whose no is final, to be asked before `request`. */
  customs(request: AccessRequest): readonly AccessRule[] {
    return this.#custom.all(request);
  }

  /** Those that match among the rules `custom` whose authorizer is asked, but not heard. */
  customDryRuns(request: AccessRequest): readonly AccessRule[] {
    return this.#customDryRuns.all(request);
  }

  /** Whether nothing that this caller could send is let through. */
  get refusesAll(): boolean {
    return this.#enforced.refusesAll;
  }

  /** What raw TCP is marked with: rules `audit`, judged as those that refuse, and what dry runs would have done. */
  connectionShadows(): readonly AccessVerdict[] {
    return this.#connectionShadows;
  }

  /** Raw TCP: the caller alone is judged. An authorizer is asked about requests only, so a `custom` rule for this caller refuses. */
  connection(): AccessVerdict {
    const { connection } = this.#enforced;
    const [custom] = this.#customRules;
    return custom === undefined ? connection : { allowed: false, rule: custom, counter: connection.counter };
  }
}

function shadowOf({ allowed, rule, counter }: AccessVerdict, decisions: AccessDecisions): AccessVerdict {
  return { allowed, rule, counter: decisions.of(counter.rule, counter.action, counter.result, true) };
}

function open({ verdict, ofRequest }: CompiledRule): OpenRule<AccessVerdict> {
  return { what: verdict, tests: ofRequest };
}
