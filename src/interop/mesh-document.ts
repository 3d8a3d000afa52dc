/**
 * mesh.yaml as a translator writes it: the parts that other meshes' objects can say, in the words of the file. It goes through the same
 * loading and checking as a file that somebody wrote. A field that is `undefined` is not written.
 */
export interface MeshDocument {
  readonly trustDomain?: string | undefined;
  readonly identity?: { readonly trustDomainAliases?: readonly string[] | undefined } | undefined;
  readonly mtls?: MtlsDocument | undefined;
  readonly pathNormalization?: 'none' | 'base' | 'merge-slashes' | 'decode-and-merge-slashes' | undefined;
  readonly access?: AccessDocument | undefined;
  readonly authorizers?: Readonly<Record<string, AuthorizerDocument>> | undefined;
  readonly tokens?: readonly TokensDocument[] | undefined;
  readonly services?: Readonly<Record<string, ServiceDocument>> | undefined;
  readonly gateways?: Readonly<Record<string, GatewayDocument>> | undefined;
  readonly external?: Readonly<Record<string, ExternalDocument>> | undefined;
  readonly routes?: Readonly<Record<string, readonly RuleDocument[]>> | undefined;
}

/** A text with a unit: `500ms`, `20%`. */
export type Quantity = string;

/** Changes of header fields. */
export interface HeadersDocument {
  readonly request?: HeaderEditsDocument | undefined;
  readonly response?: HeaderEditsDocument | undefined;
}
/** One direction of them. */
export interface HeaderEditsDocument {
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly add?: Readonly<Record<string, string>> | undefined;
  readonly remove?: readonly string[] | undefined;
}
/** A condition on a header or query parameter. */
export type ValueDocument =
  | { readonly exact: string }
  | { readonly prefix: string }
  | { readonly regex: string }
  | { readonly present: true }
  | { readonly absent: true }
  | { readonly not: { readonly exact: string } | { readonly prefix: string } | { readonly regex: string } };
/** A condition on the path. */
export type PathDocument =
  | { readonly exact: string }
  | { readonly prefix: string }
  | { readonly startsWith: string }
  | { readonly regex: string };
/** Conditions of a rule; all of them. */
export interface MatchDocument {
  readonly path?: PathDocument | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly headers?: Readonly<Record<string, ValueDocument>> | undefined;
  readonly query?: Readonly<Record<string, ValueDocument>> | undefined;
  readonly hosts?: readonly string[] | undefined;
  readonly ports?: readonly number[] | undefined;
  readonly from?: readonly string[] | undefined;
  readonly claims?: Readonly<Record<string, ValueDocument>> | undefined;
}
/** A share of a split. */
export interface ShareDocument {
  readonly weight: number;
  readonly headers?: HeadersDocument | undefined;
}
/** How a path is changed. */
export interface PathRewriteDocument {
  readonly path?: string | undefined;
  readonly prefix?: string | undefined;
  readonly regex?: string | undefined;
  readonly with?: string | undefined;
}
/** A rule of a service or a gateway. */
export interface RuleDocument {
  readonly name?: string | undefined;
  readonly hosts?: readonly string[] | undefined;
  readonly match?: readonly MatchDocument[] | undefined;
  readonly to?: string | undefined;
  readonly split?: Readonly<Record<string, number | ShareDocument>> | undefined;
  readonly rewrite?: (PathRewriteDocument & { readonly host?: string | undefined }) | undefined;
  readonly redirect?:
    | (PathRewriteDocument & {
        readonly status?: number | undefined;
        readonly scheme?: string | undefined;
        readonly host?: string | undefined;
        readonly port?: number | undefined;
      })
    | undefined;
  readonly respond?: { readonly status: number; readonly body?: string | undefined } | undefined;
  readonly headers?: HeadersDocument | undefined;
  readonly cors?: CorsDocument | undefined;
  readonly mirror?: readonly { readonly to: string; readonly percent?: Quantity | undefined }[] | undefined;
  readonly fault?: readonly FaultDocument[] | undefined;
  readonly timeout?: Quantity | undefined;
  readonly retries?: RetriesDocument | undefined;
}
/** Which pages of other origins may call. */
export interface CorsDocument {
  readonly origins: readonly (string | { readonly prefix: string } | { readonly regex: string })[];
  readonly methods?: readonly string[] | undefined;
  readonly headers?: readonly string[] | undefined;
  readonly expose?: readonly string[] | undefined;
  readonly maxAge?: Quantity | undefined;
  readonly credentials?: boolean | undefined;
  readonly unmatchedPreflights?: 'forward' | 'ignore' | undefined;
}
/** A failure made on purpose. */
export interface FaultDocument {
  readonly delay?: Quantity | undefined;
  readonly abort?: number | { readonly grpc: string | number } | undefined;
  readonly percent: Quantity;
}
/** When and how often is tried again. */
export interface RetriesDocument {
  readonly attempts: number;
  readonly on?: readonly string[] | undefined;
  readonly codes?: readonly number[] | undefined;
  readonly perTry?: Quantity | undefined;
  readonly backoff?: Quantity | undefined;
}
/** A port on this machine. */
export interface GatewayDocument {
  readonly port: number;
  readonly protocol?: 'http' | 'tcp' | 'tls' | undefined;
  readonly tls?:
    | true
    | { readonly minVersion?: string | undefined; readonly clients?: 'required' | 'optional' | undefined }
    | undefined;
  /** Proxies in front of it. */
  readonly trustedHops?: number | undefined;
  readonly redirectTo?: string | undefined;
  readonly routes?: readonly RuleDocument[] | undefined;
}
/** How traffic is protected. */
export type MtlsDocument = 'strict' | 'permissive' | 'disabled';
/** Who may call whom. */
export interface AccessDocument {
  readonly default?: 'allow' | 'deny' | undefined;
  readonly rules?: readonly AccessRuleDocument[] | undefined;
}
/** A rule of it: all of its lists have to hold, one value of each; `not…`: none of the values. */
export interface AccessRuleDocument extends AccessLists {
  readonly name?: string | undefined;
  readonly action?: 'allow' | 'deny' | 'audit' | undefined;
  /** Who is asked, instead of an action. */
  readonly authorizer?: string | undefined;
  readonly dryRun?: true | undefined;
  readonly to?: readonly string[] | undefined;
  readonly ports?: readonly number[] | undefined;
  readonly notPorts?: readonly number[] | undefined;
  readonly headers?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly notHeaders?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly claims?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly notClaims?: Readonly<Record<string, readonly string[]>> | undefined;
}
/** Conditions that are lists of texts. */
export type AccessList =
  | 'principals'
  | 'namespaces'
  | 'accounts'
  | 'trustDomains'
  | 'ips'
  | 'remoteIps'
  | 'destinationIps'
  | 'methods'
  | 'paths'
  | 'hosts'
  | 'serverNames'
  | 'tokenPrincipals'
  | 'audiences'
  | 'presenters';
type AccessLists = { readonly [L in AccessList | `not${Capitalize<AccessList>}`]?: readonly string[] | undefined };
/** A service that is asked whether a request may pass. */
export interface AuthorizerDocument {
  readonly service: string;
  readonly port: number;
  readonly path?: string | undefined;
  readonly timeout?: Quantity | undefined;
  readonly failOpen?: boolean | undefined;
  readonly statusOnError?: number | undefined;
  readonly headers?: readonly string[] | undefined;
  readonly addsToRequest?: readonly string[] | undefined;
  readonly addsToAnswer?: readonly string[] | undefined;
}
/** Tokens of one issuer. */
export interface TokensDocument {
  readonly issuer: string;
  /** A URL, or the keys themselves. */
  readonly jwks: string | { readonly keys: readonly unknown[] };
  readonly audiences?: readonly string[] | undefined;
  readonly from?:
    | {
        readonly headers?: readonly { readonly name: string; readonly prefix?: string | undefined }[] | undefined;
        readonly query?: readonly string[] | undefined;
        readonly cookies?: readonly string[] | undefined;
      }
    | undefined;
  readonly to?: readonly string[] | undefined;
  readonly forward?: boolean | undefined;
  readonly payloadHeader?: string | undefined;
  readonly claimsToHeaders?: Readonly<Record<string, string>> | undefined;
  readonly spaceDelimited?: readonly string[] | undefined;
}
/** How a service is reached, and protected. What runs as the service is not said here. */
export interface ServiceDocument {
  readonly mtls?:
    | MtlsDocument
    | { readonly mode: MtlsDocument; readonly ports: Readonly<Record<number, MtlsDocument>> }
    | undefined;
  /** For what no rule speaks of. */
  readonly access?: 'allow' | 'deny' | undefined;
  readonly balancer?: string | Readonly<Record<string, unknown>> | undefined;
  readonly slowStart?: Quantity | undefined;
  readonly connectTimeout?: Quantity | undefined;
  readonly idleTimeout?: Quantity | undefined;
  readonly upstreamProtocol?: 'preserve' | 'http1' | 'http2' | undefined;
  readonly limits?: Readonly<Record<string, unknown>> | undefined;
  readonly outliers?: Readonly<Record<string, unknown>> | undefined;
}
/** A service outside the mesh. */
export interface ExternalDocument extends ServiceDocument {
  readonly hosts: readonly string[];
  readonly port: number;
  readonly protocol?: 'http' | 'tcp' | 'tls' | undefined;
  readonly addresses?: readonly string[] | undefined;
  readonly resolution?: 'dns' | 'static' | undefined;
  readonly tls?: true | { readonly serverName?: string | undefined; readonly insecure?: true | undefined } | undefined;
}

/** Something in the foreign objects that a translation leaves out or changes. */
export interface TranslationNote {
  /** `no-equivalent`: there is no such thing here. `unknown-reference`: it names something that is not there. `changed`: it is done otherwise. */
  readonly code: 'no-equivalent' | 'unknown-reference' | 'changed';
  /** `HTTPRoute shop/reviews`. */
  readonly object: string;
  /** One sentence. */
  readonly message: string;
}

/** What a translation gives. */
export interface Translation {
  readonly document: MeshDocument;
  readonly notes: readonly TranslationNote[];
}
