/** The parts of Gateway API objects that a translation reads. @see https://gateway-api.sigs.k8s.io/reference/spec/ */
export interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly creationTimestamp?: string };
  readonly spec?: unknown;
}

/** Names an object of the same or another namespace. */
export interface ObjectReference {
  readonly group?: string;
  readonly kind?: string;
  readonly name: string;
  readonly namespace?: string;
  readonly port?: number;
}
/** What a route is attached to. */
export interface ParentReference extends ObjectReference {
  readonly sectionName?: string;
}
/** A port of a Gateway or ListenerSet. */
export interface ListenerSpec {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly hostname?: string;
  readonly tls?: { readonly mode?: string };
  readonly allowedRoutes?: { readonly namespaces?: { readonly from?: string } };
}
/** A Gateway's spec. */
export interface GatewaySpec {
  readonly listeners: readonly ListenerSpec[];
}
/** A ListenerSet's spec. */
export interface ListenerSetSpec {
  readonly parentRef: ObjectReference;
  readonly listeners: readonly ListenerSpec[];
}
/** A name with a value, compared or written. */
export interface NamedValue {
  readonly type?: string;
  readonly name: string;
  readonly value: string;
}
/** One alternative of a rule's conditions. */
export interface RouteMatchSpec {
  readonly path?: { readonly type?: string; readonly value?: string };
  /** HTTPRoute: a token; GRPCRoute: service and method. */
  readonly method?: string | { readonly type?: string; readonly service?: string; readonly method?: string };
  readonly headers?: readonly NamedValue[];
  readonly queryParams?: readonly NamedValue[];
}
/** Changes of header fields. */
export interface HeaderFilterSpec {
  readonly set?: readonly NamedValue[];
  readonly add?: readonly NamedValue[];
  readonly remove?: readonly string[];
}
/** How a path is changed. */
export interface PathModifierSpec {
  readonly type: string;
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}
/** A filter of a rule or of one of its backends. */
export interface FilterSpec {
  readonly type: string;
  readonly requestHeaderModifier?: HeaderFilterSpec;
  readonly responseHeaderModifier?: HeaderFilterSpec;
  readonly requestRedirect?: {
    readonly scheme?: string;
    readonly hostname?: string;
    readonly port?: number;
    readonly statusCode?: number;
    readonly path?: PathModifierSpec;
  };
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathModifierSpec };
  readonly requestMirror?: {
    readonly backendRef: ObjectReference;
    readonly percent?: number;
    readonly fraction?: { readonly numerator: number; readonly denominator?: number };
  };
  readonly cors?: {
    readonly allowOrigins?: readonly string[];
    readonly allowMethods?: readonly string[];
    readonly allowHeaders?: readonly string[];
    readonly exposeHeaders?: readonly string[];
    readonly allowCredentials?: boolean;
    readonly maxAge?: number;
  };
}
/** Where a share of the requests goes. */
export interface BackendSpec extends ObjectReference {
  readonly weight?: number;
  readonly filters?: readonly FilterSpec[];
}
/** A rule of an HTTPRoute or GRPCRoute; those of TLSRoute and TCPRoute have backends only. */
export interface RouteRuleSpec {
  readonly name?: string;
  readonly matches?: readonly RouteMatchSpec[];
  readonly filters?: readonly FilterSpec[];
  readonly backendRefs?: readonly BackendSpec[];
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
  readonly retry?: { readonly codes?: readonly number[]; readonly attempts?: number; readonly backoff?: string };
}
/** A route's spec. */
export interface RouteSpec {
  readonly parentRefs?: readonly ParentReference[];
  readonly hostnames?: readonly string[];
  readonly rules?: readonly RouteRuleSpec[];
}
/** A ReferenceGrant's spec. */
export interface ReferenceGrantSpec {
  readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
  readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
}

/** `HTTPRoute shop/reviews`, for notes. */
export function describe({ kind, metadata }: KubeObject): string {
  return `${kind} ${namespaceOf({ metadata })}/${metadata.name}`;
}

/** Objects without a namespace are in `default`. */
export function namespaceOf({ metadata }: Pick<KubeObject, 'metadata'>): string {
  return metadata.namespace ?? 'default';
}
