/** AuthorizationPolicies as `access`. What cannot be said never lets more through: an allowing rule is left out, a refusing one becomes wider. */
import type { AccessDocument, AccessRuleDocument, ServiceDocument } from '../mesh-document.ts';
import { translateConditions } from './access-conditions.ts';
import type { IstioObject, Note } from './objects.ts';
import type { AuthorizationPolicySpec } from './security-objects.ts';
import { isMeshWide, type TargetLookup, type Targets, targetsOf } from './targets.ts';

type Action = 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';

/** Rules, and the services that refuse what no rule speaks of. */
export interface Access {
  readonly access: AccessDocument | undefined;
  readonly services: Readonly<Record<string, ServiceDocument>>;
}

/** `authorizers`: those that can be asked. */
export function translateAuthorizationPolicies(
  objects: readonly IstioObject[],
  authorizers: readonly string[],
  lookup: TargetLookup,
  note: Note,
): Access {
  const rules: AccessRuleDocument[] = [];
  const services: Record<string, ServiceDocument> = {};
  const edges = [...lookup.gateways.values()].flat();
  const closed: string[] = [];
  let byDefault: 'deny' | undefined;
  for (const object of objects) {
    if (object.kind !== 'AuthorizationPolicy') continue;
    const targets = targetsOf(object, lookup);
    if (targets === undefined) {
      note(object, 'it is not known whose labels these are: it is left out', 'unknown-reference');
      continue;
    }
    // All workloads of an Istio mesh are its gateways too; ours are only meant by name.
    const places = targets === null && isMeshWide(object, lookup) && edges.length > 0 ? [null, edges] : [targets];
    for (const place of places) {
      const found =
        place === edges
          ? rulesOf(object, place, authorizers, lookup, () => {}).map(rule => ({ ...rule, name: `${rule.name}/gateways` }))
          : rulesOf(object, place, authorizers, lookup, note);
      rules.push(...found);
      if (!isEnforcedAllow(object)) continue;
      // Only what such a policy allows may call: where it has a rule that goes without saying.
      if (place === null && found.length === 0) byDefault = 'deny';
      for (const name of place ?? []) {
        if (found.some(({ to }) => to?.includes(name) === true)) continue;
        if (edges.includes(name)) closed.push(name);
        else services[name] = { access: 'deny' };
      }
    }
  }
  // A gateway has no default of its own.
  const open = (name: string): boolean => rules.some(({ action, to }) => action === 'allow' && to?.includes(name) === true);
  for (const name of closed.filter(one => !open(one))) rules.push({ name: `nobody at ${name}`, action: 'deny', to: [name] });
  const said = rules.length > 0 || byDefault !== undefined;
  return {
    access: said ? { default: byDefault ?? 'allow', rules: rules.length > 0 ? rules : undefined } : undefined,
    services,
  };
}

function rulesOf(
  object: IstioObject,
  targets: Targets,
  authorizers: readonly string[],
  { speaksTcp }: TargetLookup,
  note: Note,
): readonly AccessRuleDocument[] {
  if (targets?.length === 0) return [];
  const { namespace = 'default', name } = object.metadata;
  const { rules = [], provider } = (object.spec ?? {}) as AuthorizationPolicySpec;
  const action = actionOf(object);
  const known = provider !== undefined && authorizers.includes(provider.name);
  if (action === 'CUSTOM' && !known && rules.length > 0)
    note(object, `${provider?.name ?? 'its provider'} cannot be asked: what it was to judge is refused`, 'unknown-reference');
  const does: AccessRuleDocument =
    action === 'CUSTOM'
      ? known
        ? { authorizer: provider.name }
        : { action: 'deny' }
      : { action: action.toLowerCase() as 'allow' | 'deny' | 'audit', dryRun: isDryRun(object) ? true : undefined };
  return rules.flatMap((rule, index) => {
    const alternatives = translateConditions(rule, namespace).filter(({ never, unsaid }) => {
      for (const sentence of unsaid)
        note(object, `${sentence}: ${refusing(action) ? 'the rule is wider' : 'the rule is left out'}`);
      return !never && (unsaid.length === 0 || refusing(action));
    });
    return alternatives.flatMap(({ document }, place): AccessRuleDocument[] => {
      // The name that Istio's own logs have for it.
      const whole = `ns[${namespace}]-policy[${name}]-rule[${index}]`;
      const ours = alternatives.length === 1 ? whole : `${whole}/${place}`;
      const asked = targets?.filter(target => !(speaksTcp(target) && asksForHttp(document)));
      const http = asked?.length === 0 ? [] : [{ name: ours, ...does, to: asked, ...document }];
      const raw = targets?.filter(target => asked?.includes(target) === false) ?? [];
      // On raw TCP what asks for HTTP never allows anything, and refuses without asking.
      if (raw.length === 0 || !refusing(action)) return http;
      return [...http, { name: `${ours}/tcp`, ...does, to: raw, ...ofConnection(document) }];
    });
  });
}

const httpFields = /^(not)?(headers|claims|methods|paths|hosts|tokenPrincipals|audiences|presenters)$/i;

function asksForHttp(document: AccessRuleDocument): boolean {
  return Object.keys(document).some(field => httpFields.test(field));
}

function ofConnection(document: AccessRuleDocument): AccessRuleDocument {
  return Object.fromEntries(Object.entries(document).filter(([field]) => !httpFields.test(field)));
}

function actionOf({ spec }: IstioObject): Action {
  return (((spec ?? {}) as AuthorizationPolicySpec).action ?? 'ALLOW') as Action;
}

function refusing(action: Action): boolean {
  return action === 'DENY' || action === 'CUSTOM';
}

function isDryRun({ metadata }: IstioObject): boolean {
  return metadata.annotations?.['istio.io/dry-run'] === 'true';
}

function isEnforcedAllow(object: IstioObject): boolean {
  return actionOf(object) === 'ALLOW' && !isDryRun(object);
}
