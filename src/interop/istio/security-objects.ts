/** The parts of Istio's security objects that a translation reads. @see https://istio.io/latest/docs/reference/config/security/ */

/** Which workloads an object is about; neither: all of its namespace. */
export interface TargetSpec {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly targetRef?: TargetRefSpec;
  readonly targetRefs?: readonly TargetRefSpec[];
}
/** A Service or Gateway that an object is about. */
export interface TargetRefSpec {
  readonly kind: string;
  readonly name: string;
}
/** `STRICT`, `PERMISSIVE`, `DISABLE`; `UNSET` and nothing ask the next wider object. */
export interface MutualTlsSpec {
  readonly mode?: string;
}
/** A PeerAuthentication's spec. */
export interface PeerAuthenticationSpec extends TargetSpec {
  readonly mtls?: MutualTlsSpec;
  readonly portLevelMtls?: Readonly<Record<string, MutualTlsSpec>>;
}
/** Tokens of one issuer. */
export interface JwtRuleSpec {
  readonly issuer: string;
  readonly audiences?: readonly string[];
  /** A key set as JSON. */
  readonly jwks?: string;
  readonly jwksUri?: string;
  readonly fromHeaders?: readonly { readonly name: string; readonly prefix?: string }[];
  readonly fromParams?: readonly string[];
  readonly fromCookies?: readonly string[];
  readonly outputPayloadToHeader?: string;
  readonly outputClaimToHeaders?: readonly { readonly header: string; readonly claim: string }[];
  readonly forwardOriginalToken?: boolean;
  readonly spaceDelimitedClaims?: readonly string[];
  readonly timeout?: string;
}
/** A RequestAuthentication's spec. */
export interface RequestAuthenticationSpec extends TargetSpec {
  readonly jwtRules?: readonly JwtRuleSpec[];
}
/** Lists by Istio's names of them: `principals`, `notPorts`. */
export type FieldsSpec = Readonly<Record<string, readonly string[] | undefined>>;
/** A rule of an AuthorizationPolicy: one of `from`, one of `to`, and all of `when`. */
export interface AuthorizationRuleSpec {
  readonly from?: readonly { readonly source?: FieldsSpec }[];
  readonly to?: readonly { readonly operation?: FieldsSpec }[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }[];
}
/** An AuthorizationPolicy's spec. */
export interface AuthorizationPolicySpec extends TargetSpec {
  readonly action?: string;
  readonly rules?: readonly AuthorizationRuleSpec[];
  readonly provider?: { readonly name: string };
}
/** An authorizer that is asked by HTTP. */
export interface HttpAuthorizerSpec {
  readonly service: string;
  readonly port: number;
  readonly timeout?: string;
  readonly pathPrefix?: string;
  readonly failOpen?: boolean;
  readonly statusOnError?: string;
  readonly includeRequestHeadersInCheck?: readonly string[];
  readonly headersToUpstreamOnAllow?: readonly string[];
  readonly headersToDownstreamOnDeny?: readonly string[];
}
/** Settings of the whole mesh. @see https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/ */
export interface MeshConfigSpec {
  readonly trustDomain?: string;
  readonly trustDomainAliases?: readonly string[];
  readonly rootNamespace?: string;
  readonly defaultConfig?: { readonly gatewayTopology?: { readonly numTrustedProxies?: number } };
  readonly pathNormalization?: { readonly normalization?: string };
  readonly extensionProviders?: readonly { readonly name: string; readonly envoyExtAuthzHttp?: HttpAuthorizerSpec }[];
}
