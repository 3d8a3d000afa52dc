/** The parts of Istio objects that a translation reads. @see https://istio.io/latest/docs/reference/config/networking/ */
import type { TranslationNote } from '../mesh-document.ts';

/** An object, of which a translation knows no more yet. */
export interface IstioObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    /** RFC 3339. */
    readonly creationTimestamp?: string;
  };
  readonly spec?: unknown;
}

/** One way to compare a text. Empty: it is there. */
export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}
/** One alternative of a rule's conditions. */
export interface HttpMatchSpec {
  readonly uri?: StringMatch;
  readonly ignoreUriCase?: boolean;
  readonly scheme?: StringMatch;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers?: Readonly<Record<string, StringMatch>>;
  readonly withoutHeaders?: Readonly<Record<string, StringMatch>>;
  readonly queryParams?: Readonly<Record<string, StringMatch>>;
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly gateways?: readonly string[];
}
/** A host, maybe one of its subsets. */
export interface DestinationSpec {
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number?: number };
}
/** Changes of header fields. */
export interface HeadersSpec {
  readonly request?: HeaderOperations;
  readonly response?: HeaderOperations;
}
/** One direction of them. */
export interface HeaderOperations {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}
/** A share of a route. */
export interface RouteDestinationSpec {
  readonly destination: DestinationSpec;
  readonly weight?: number;
  readonly headers?: HeadersSpec;
}
/** Percent of requests. */
export interface PercentSpec {
  readonly value?: number;
}
/** A rule of a VirtualService. */
export interface HttpRouteSpec {
  readonly name?: string;
  readonly match?: readonly HttpMatchSpec[];
  readonly route?: readonly RouteDestinationSpec[];
  readonly redirect?: {
    readonly uri?: string;
    readonly authority?: string;
    readonly scheme?: string;
    readonly port?: number;
    readonly derivePort?: string;
    readonly redirectCode?: number;
  };
  readonly directResponse?: { readonly status: number; readonly body?: { readonly string?: string } };
  readonly rewrite?: {
    readonly uri?: string;
    readonly authority?: string;
    readonly uriRegexRewrite?: { readonly match: string; readonly rewrite: string };
  };
  readonly headers?: HeadersSpec;
  readonly timeout?: string;
  readonly retries?: {
    readonly attempts?: number;
    readonly perTryTimeout?: string;
    readonly retryOn?: string;
    readonly backoff?: string;
    readonly retryRemoteLocalities?: boolean;
  };
  readonly fault?: {
    readonly delay?: { readonly fixedDelay?: string; readonly percentage?: PercentSpec };
    readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: string; readonly percentage?: PercentSpec };
  };
  readonly mirror?: DestinationSpec;
  readonly mirrorPercentage?: PercentSpec;
  readonly mirrors?: readonly { readonly destination: DestinationSpec; readonly percentage?: PercentSpec }[];
  readonly corsPolicy?: {
    readonly allowOrigins?: readonly StringMatch[];
    readonly allowMethods?: readonly string[];
    readonly allowHeaders?: readonly string[];
    readonly exposeHeaders?: readonly string[];
    readonly maxAge?: string;
    readonly allowCredentials?: boolean;
    readonly unmatchedPreflights?: string;
  };
  readonly delegate?: unknown;
}
/** A rule for TLS that is passed through. */
export interface TlsRouteSpec {
  readonly match: readonly { readonly sniHosts: readonly string[]; readonly port?: number }[];
  readonly route?: readonly RouteDestinationSpec[];
}
/** A rule for raw TCP. */
export interface TcpRouteSpec {
  readonly match?: readonly { readonly port?: number }[];
  readonly route?: readonly RouteDestinationSpec[];
}
/** A VirtualService's spec. */
export interface VirtualServiceSpec {
  readonly hosts?: readonly string[];
  readonly gateways?: readonly string[];
  readonly http?: readonly HttpRouteSpec[];
  readonly tls?: readonly TlsRouteSpec[];
  readonly tcp?: readonly TcpRouteSpec[];
}
/** How a service is reached. */
export interface TrafficPolicySpec {
  readonly loadBalancer?: {
    readonly simple?: string;
    readonly consistentHash?: {
      readonly httpHeaderName?: string;
      readonly httpQueryParameterName?: string;
      readonly useSourceIp?: boolean;
      readonly httpCookie?: { readonly name: string; readonly path?: string; readonly ttl?: string };
      readonly ringHash?: { readonly minimumRingSize?: number };
      readonly minimumRingSize?: number;
    };
    readonly warmup?: { readonly duration?: string };
    readonly warmupDurationSecs?: string;
  };
  readonly connectionPool?: {
    readonly tcp?: { readonly maxConnections?: number; readonly connectTimeout?: string; readonly idleTimeout?: string };
    readonly http?: {
      readonly http1MaxPendingRequests?: number;
      readonly http2MaxRequests?: number;
      readonly maxRequestsPerConnection?: number;
      readonly maxRetries?: number;
      readonly idleTimeout?: string;
      readonly h2UpgradePolicy?: string;
      readonly useClientProtocol?: boolean;
    };
  };
  readonly outlierDetection?: {
    readonly consecutive5xxErrors?: number;
    readonly consecutiveGatewayErrors?: number;
    readonly splitExternalLocalOriginErrors?: boolean;
    readonly consecutiveLocalOriginFailures?: number;
    readonly interval?: string;
    readonly baseEjectionTime?: string;
    readonly maxEjectionPercent?: number;
    readonly minHealthPercent?: number;
  };
  readonly retryBudget?: { readonly percent?: PercentSpec; readonly minRetryConcurrency?: number };
  readonly tls?: { readonly mode?: string; readonly sni?: string; readonly insecureSkipVerify?: boolean };
  readonly portLevelSettings?: readonly unknown[];
}
/** A DestinationRule's spec. */
export interface DestinationRuleSpec {
  readonly host: string;
  readonly trafficPolicy?: TrafficPolicySpec;
  readonly subsets?: readonly {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly trafficPolicy?: TrafficPolicySpec;
  }[];
}
/** A ServiceEntry's spec. */
export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly ports?: readonly {
    readonly number: number;
    readonly protocol?: string;
    readonly name?: string;
    readonly targetPort?: number;
  }[];
  readonly resolution?: string;
  readonly location?: string;
  readonly endpoints?: readonly { readonly address: string }[];
}
/** A Gateway's spec. */
export interface GatewaySpec {
  readonly selector?: Readonly<Record<string, string>>;
  readonly servers?: readonly {
    readonly port: { readonly number: number; readonly protocol: string; readonly name?: string };
    readonly hosts: readonly string[];
    readonly tls?: ServerTlsSpec;
  }[];
}

/** How a Gateway's server ends TLS. */
export interface ServerTlsSpec {
  readonly mode?: string;
  readonly httpsRedirect?: boolean;
  readonly minProtocolVersion?: string;
}

/** Tells what becomes of an object otherwise than it says. @default code 'no-equivalent' */
export type Note = (object: IstioObject, message: string, code?: TranslationNote['code']) => void;

/** `VirtualService shop/reviews`, for notes. */
export function describe({ kind, metadata }: IstioObject): string {
  return `${kind} ${metadata.namespace ?? 'default'}/${metadata.name}`;
}
