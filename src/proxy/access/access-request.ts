/** What access rules are asked about: a connection, and a request on it. */
import { identityFacts, isOfIdentity } from '../../access/access-facts.ts';
import type { AccessFact } from '../../snapshot/access-policy.ts';
import { joined as joinedPath, withoutDots } from '../route/normal-path.ts';
import { claimValues, type VerifiedToken } from '../token/verified-token.ts';

/** Who is at the other end of a connection. Known before a byte of a request is. */
export interface AccessCaller {
  /** SPIFFE ID of the verified certificate, `null` for plaintext. */
  readonly principal: string | null;
  /** IP address. */
  readonly address: string;
  /** IP address that it dialled; absent: not known. */
  readonly destination?: string;
  /** Server name (SNI) that the caller's TLS asked for; empty or absent: none. */
  readonly serverName?: string;
}

/** One request. Texts from its head hold bytes as latin1, as heads do. */
export interface AccessRequest {
  readonly method: string;
  /** Normalised and decoded, without query. */
  readonly path: string;
  /** With or without port. */
  readonly authority: string;
  /** Address of the real client. */
  readonly remoteAddress: string;
  readonly token: VerifiedToken | null;
  /** Every value of a header with this lower-case name. */
  header(name: string): readonly string[];
  /** Every value of a query parameter, decoded. */
  query(name: string): readonly string[];
}

/** Values of a fact; one that is not there is the empty string or an empty list. */
export type FactValues = string | readonly string[];

/** Reads a fact of a connection to `port`. */
export function callerFact(
  fact: AccessFact,
  { principal, address, destination = '', serverName = '' }: AccessCaller,
  port: number,
): string {
  if (isOfIdentity(fact)) return identityFacts(principal)[fact];
  switch (fact) {
    case 'ip':
    case 'remote-ip':
      return address;
    case 'destination-ip':
      return destination;
    case 'port':
      return String(port);
    case 'server-name':
      return serverName.toLowerCase();
    default:
      return '';
  }
}

/** Reads a fact of a request. */
export type FactReader = (request: AccessRequest) => FactValues;

/** Makes the reader of a fact that only requests tell. `name`: as in `AccessCondition`. */
export function requestFact(fact: AccessFact, name: readonly string[] = []): FactReader {
  const [first = ''] = name;
  switch (fact) {
    case 'method':
      return request => request.method;
    case 'path':
      return request => pathsOf(request.path);
    case 'host':
      return request => hostsOf(request.authority);
    case 'remote-ip':
      return request => request.remoteAddress;
    case 'header':
      return request => joined(request.header(first));
    case 'query':
      return request => joined(request.query(first));
    case 'token-principal':
      return request => request.token?.principal ?? '';
    case 'token-audience':
      return request => request.token?.audiences ?? [];
    case 'token-presenter':
      return request => request.token?.presenter ?? '';
    case 'claim':
      return request => claimValues(request.token, name) ?? [];
    default:
      return () => '';
  }
}

/** Each value by itself and all of them as one line: servers read fields of one name both ways. */
function joined(values: readonly string[]): FactValues {
  return values.length < 2 ? values : [...values, values.join(',')];
}

/** As it is, and as servers read it that know parameters of segments (`/admin;v=1` is `/admin`). @see RFC 3986 §3.3 */
function pathsOf(path: string): FactValues {
  if (!path.includes(';')) return path;
  const segments = path
    .split('/')
    .slice(1)
    .map(segment => segment.split(';', 1)[0] ?? '');
  const named = segments.filter((segment, index) => segment !== '' || index === segments.length - 1);
  return [path, joinedPath(withoutDots(named), false)];
}

/** With and without port, lower case, without trailing dot. */
function hostsOf(authority: string): FactValues {
  const lower = authority.toLowerCase();
  const end = lower.startsWith('[') ? lower.indexOf(']') + 1 : lower.indexOf(':');
  const host = end <= 0 ? lower : lower.slice(0, end);
  const plain = host.endsWith('.') ? host.slice(0, -1) : host;
  const port = lower.slice(host.length);
  return port === '' ? plain : [plain, plain + port];
}
