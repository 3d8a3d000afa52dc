import type { IncomingMessage, ServerResponse } from 'node:http';
import { jsonText } from '../text/escape.ts';
import { MeshError } from './mesh-error.ts';
import { apiVersion, type ErrorDocument } from './types.ts';

/** Requests carry a few options at most; more is not ours. */
const maxBodyBytes = 64 * 1024;

/** Answers with a document. */
export function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(jsonText(value));
}

/** Answers with an error document; an answer that has begun is cut off, one that is over stays. */
export function fail(response: ServerResponse, error: MeshError, status: number = statusOf(error)): void {
  if (response.headersSent) {
    if (!response.writableEnded) response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(jsonText(errorDocument(error)));
}

function statusOf({ code }: MeshError): number {
  if (code === 'too-many-scrapes') return 503;
  return code === 'internal' ? 500 : 409;
}

/** The error as the API tells it. */
export function errorDocument({ code, message, hint }: MeshError): ErrorDocument {
  return { apiVersion, kind: 'Error', code, message, hint };
}

/** The body, an object; an empty one where there is none. @throws MeshError `bad-body`, `body-too-large` */
export async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  let size = 0;
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new MeshError('body-too-large', `a request body may have ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Falls through to the same answer.
  }
  throw new MeshError('bad-body', 'the request body is not a JSON object');
}
