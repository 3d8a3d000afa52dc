/** Istio's security objects as the parts of mesh.yaml that say who may call whom, and how that is proved. */
import type { MeshDocument, ServiceDocument, TokensDocument } from '../mesh-document.ts';
import { translateAuthorizationPolicies } from './authorization-policy.ts';
import { meshSettingsOf, translateAuthorizers, translateMeshSettings } from './mesh-settings.ts';
import type { IstioObject, Note } from './objects.ts';
import { translatePeerAuthentications } from './peer-authentication.ts';
import { translateRequestAuthentication } from './request-authentication.ts';
import { type TargetLookup, targetsOf } from './targets.ts';

/** Objects that this file reads. */
export const securityKinds: readonly string[] = [
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'MeshConfig',
  'IstioOperator',
];

/** All of them together: which object counts is told by the others. */
export function translateSecurity(
  objects: readonly IstioObject[],
  given: Omit<TargetLookup, 'rootNamespace' | 'objects'>,
  note: Note,
): MeshDocument {
  const settings = meshSettingsOf(objects);
  const lookup: TargetLookup = { ...given, objects, rootNamespace: settings.rootNamespace ?? 'istio-system' };
  const { mtls, services: modes } = translatePeerAuthentications(objects, lookup, note);
  const authorizers = translateAuthorizers(settings, given.service);
  const { access, services: refusing } = translateAuthorizationPolicies(objects, Object.keys(authorizers), lookup, note);
  const tokens = tokensOf(objects, lookup, note);
  const services: Record<string, ServiceDocument> = { ...modes };
  for (const [name, policy] of Object.entries(refusing)) services[name] = { ...services[name], ...policy };
  return {
    ...translateMeshSettings(settings),
    // Policies name identities of Istio's default domain, where no other is set.
    ...(access !== undefined && settings.trustDomain === undefined ? { trustDomain: 'cluster.local' } : {}),
    mtls,
    services,
    access,
    authorizers: Object.keys(authorizers).length === 0 ? undefined : authorizers,
    tokens: tokens.length === 0 ? undefined : tokens,
  };
}

function tokensOf(objects: readonly IstioObject[], lookup: TargetLookup, note: Note): readonly TokensDocument[] {
  return objects.flatMap(object => {
    if (object.kind !== 'RequestAuthentication') return [];
    const targets = targetsOf(object, lookup);
    if (targets === undefined) note(object, 'it is not known whose labels these are: it is left out', 'unknown-reference');
    if (targets === undefined || targets?.length === 0) return [];
    return translateRequestAuthentication(object, targets, message => note(object, message));
  });
}
