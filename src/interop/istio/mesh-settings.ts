/** MeshConfig: the settings of Istio's whole mesh. */
import type { AuthorizerDocument, MeshDocument } from '../mesh-document.ts';
import type { IstioObject } from './objects.ts';
import type { HttpAuthorizerSpec, MeshConfigSpec } from './security-objects.ts';

const normalizations: Readonly<Record<string, MeshDocument['pathNormalization']>> = {
  NONE: 'none',
  BASE: 'base',
  DEFAULT: 'base',
  MERGE_SLASHES: 'merge-slashes',
  DECODE_AND_MERGE_SLASHES: 'decode-and-merge-slashes',
};

/** The settings, as a MeshConfig alone or within an IstioOperator. Empty: none are given. */
export function meshSettingsOf(objects: readonly IstioObject[]): MeshConfigSpec {
  const object = objects.find(({ kind }) => kind === 'MeshConfig' || kind === 'IstioOperator');
  const spec = (object?.spec ?? {}) as MeshConfigSpec & { readonly meshConfig?: MeshConfigSpec };
  return object?.kind === 'IstioOperator' ? (spec.meshConfig ?? {}) : spec;
}

/** What they say of identities and paths. */
export function translateMeshSettings({
  trustDomain,
  trustDomainAliases = [],
  pathNormalization,
}: MeshConfigSpec): Pick<MeshDocument, 'trustDomain' | 'identity' | 'pathNormalization'> {
  return {
    trustDomain,
    identity: trustDomainAliases.length === 0 ? undefined : { trustDomainAliases },
    pathNormalization: normalizations[pathNormalization?.normalization ?? ''],
  };
}

/** Providers that are asked by HTTP, by name. `service`: ours for a host. */
export function translateAuthorizers(
  { extensionProviders = [] }: MeshConfigSpec,
  service: (host: string) => string | null,
): Record<string, AuthorizerDocument> {
  return Object.fromEntries(
    extensionProviders.flatMap(({ name, envoyExtAuthzHttp: spec }) => {
      const asked = spec === undefined ? null : service(spec.service.split('/').at(-1) ?? '');
      return spec === undefined || asked === null ? [] : [[name, authorizerOf(spec, asked)]];
    }),
  );
}

function authorizerOf(spec: HttpAuthorizerSpec, service: string): AuthorizerDocument {
  return {
    service,
    port: spec.port,
    path: spec.pathPrefix,
    timeout: spec.timeout,
    failOpen: spec.failOpen === true ? true : undefined,
    statusOnError: spec.statusOnError === undefined ? undefined : Number(spec.statusOnError),
    headers: spec.includeRequestHeadersInCheck,
    addsToRequest: spec.headersToUpstreamOnAllow,
    addsToAnswer: spec.headersToDownstreamOnDeny,
  };
}
