import type { ExplainRequest } from '../snapshot/explanation.ts';
import { MeshError } from './mesh-error.ts';

/** Reads the body of a request to explain: who calls, and what. @throws MeshError `bad-request` that names the field */
export function readExplainRequest(body: Readonly<Record<string, unknown>>): [from: string, request: ExplainRequest] {
  const { from, method, url, headers = [] } = body;
  if (typeof from !== 'string' || from === '') throw bad('`from` is missing', 'the service, gateway or workload that calls');
  if (typeof method !== 'string' || !/^[A-Z-]{1,24}$/.test(method)) throw bad('`method` is no HTTP method', 'e.g. GET');
  if (typeof url !== 'string' || !/^https?:$/.test(protocolOf(url)))
    throw bad(`${typeof url === 'string' ? `"${url.slice(0, 80)}"` : '`url`'} is no URL`, 'e.g. http://reviews:9080/reviews/1');
  if (!Array.isArray(headers)) throw bad('`headers` is no list', 'e.g. [["end-user", "jason"]]');
  return [from, { method, url, headers: headers.map(readHeader) }];
}

function protocolOf(url: string): string {
  try {
    return new URL(url).protocol;
  } catch {
    return '';
  }
}

function readHeader(header: unknown): readonly [string, string] {
  const [name, value] = Array.isArray(header) ? (header as readonly unknown[]) : [];
  if (
    typeof name === 'string' &&
    typeof value === 'string' &&
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) &&
    !/[\r\n\0]/.test(value)
  )
    return [name, value];
  throw bad(`${JSON.stringify(header)?.slice(0, 80)} is no header`, 'a name and a value: `end-user: jason`');
}

function bad(problem: string, hint: string): MeshError {
  return new MeshError('bad-request', problem, hint);
}
