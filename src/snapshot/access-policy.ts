/**
 * Part of the contract between the planes: who may call what, as the sidecar of the one that is called judges it. Canonical as everything in a snapshot.
 */

/**
 * Judged in this order: rules `custom` that match ask their authorizer, whose no is final; a `deny` rule that matches refuses; an `allow` rule that matches
 * lets through; else `default` decides where there is no `allow` rule, and where there is one the caller is refused. `audit` rules only mark, rules with
 * `dryRun` only report what they would have done.
 * @see Istio AuthorizationPolicy
 */
export interface AccessPolicy {
  readonly default: 'allow' | 'deny';
  readonly rules: readonly AccessRule[];
}

/** One rule: all of its conditions have to hold. None: it holds for everything. */
export interface AccessRule {
  /** For logs, metrics and `mesh access`. */
  readonly name: string;
  readonly action: AccessAction;
  /** Judged and reported, never enforced. */
  readonly dryRun?: true;
  /** Action `custom`: name of an `ExternalAuthorizer` of the snapshot. */
  readonly authorizer?: string;
  readonly conditions: readonly AccessCondition[];
}

/** What a rule does to what it matches. */
export type AccessAction = 'allow' | 'deny' | 'audit' | 'custom';

/**
 * Holds when one of the values matches (with `not`: when none does). Patterns: `abc` exact, `abc*` prefix, `*abc` suffix, `*` present and not empty. A fact that is
 * not there (no certificate, no such header, no token) is the empty string, so `not` holds for it.
 */
export interface AccessCondition {
  readonly on: AccessFact;
  /** `header` and `query`: lower-case name of the field, name of the parameter. `claim`: names from the outside in. Else absent. */
  readonly name?: readonly string[];
  readonly values: readonly string[];
  readonly not?: true;
}

/**
 * What a condition looks at.
 *
 * | fact | of | values |
 * |---|---|---|
 * | `principal` | connection | SPIFFE ID of the caller's certificate |
 * | `namespace`, `account`, `trust-domain` | connection | parts of it; `account` is `namespace/account` |
 * | `ip` | connection | address of the connection; values are addresses and CIDR blocks |
 * | `remote-ip` | request | address of the real client: at a gateway with trusted hops from `x-forwarded-for`, else as `ip` |
 * | `destination-ip` | connection | address that the caller dialled; values as of `ip` |
 * | `port` | connection | port of the app (or gateway) as decimal |
 * | `server-name` | connection | SNI |
 * | `method`, `host`, `path` | request | `host` with and without port, any case; `path` normalised, decoded, without query, and besides patterns `{*}` is one segment, `{**}` any number |
 * | `header`, `query` | request | every value of that name, and all of them joined by `,` |
 * | `token-principal` | request | `<iss>/<sub>` of the verified token |
 * | `token-audience`, `token-presenter` | request | each of `aud`; `azp` |
 * | `claim` | request | the claim, each of its items where it is a list |
 */
export type AccessFact =
  | 'principal'
  | 'namespace'
  | 'account'
  | 'trust-domain'
  | 'ip'
  | 'remote-ip'
  | 'destination-ip'
  | 'port'
  | 'server-name'
  | 'method'
  | 'host'
  | 'path'
  | 'header'
  | 'query'
  | 'token-principal'
  | 'token-audience'
  | 'token-presenter'
  | 'claim';

/** A service that is asked by HTTP whether a request may pass: 200 lets it, another status is the answer. @see Envoy ext_authz, HTTP service */
export interface ExternalAuthorizer {
  readonly name: string;
  /** Name of a cluster of the snapshot. */
  readonly cluster: string;
  /** Authority of the question; the empty string: that of the request which is asked about. */
  readonly host: string;
  /** Put in front of the request's own path; empty: nothing. */
  readonly pathPrefix: string;
  readonly timeoutMs: number;
  /** It cannot be asked, is late, or answers 5xx: let through, instead of refuse with `statusOnError`. */
  readonly failOpen: boolean;
  readonly statusOnError: number;
  /** Lower-case names of request fields that go along besides `authorization`; `prefix*` and `*suffix` too. */
  readonly sends: readonly string[];
  /** Fields of a 200 that replace those of the request on its way to the app. */
  readonly addsToRequest: readonly string[];
  /** Fields of a refusal that go to the client; empty: all but the hop's own. */
  readonly addsToAnswer: readonly string[];
}

/**
 * How paths are made one before they are judged and sent on. `strict` refuses what two readers could read differently (encoded separators, double encoding,
 * `..;`), resolves dots, merges slashes. The others are Istio's: `none`, `base` (RFC 3986, `\` is `/`), `merge-slashes`, `decode-and-merge-slashes`.
 */
export type PathNormalization = 'strict' | 'none' | 'base' | 'merge-slashes' | 'decode-and-merge-slashes';
