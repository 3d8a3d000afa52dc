import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { fail, json, readBody } from './answer.ts';
import { asMeshError, MeshError } from './mesh-error.ts';
import { withoutPrefix } from './server.ts';
import { dropStuckReaders, stuckMs } from './stream.ts';
import type { WebFiles } from './web-files.ts';
import { refusal, webHeaders } from './web-guard.ts';
import { sameSecret, type WebSessions } from './web-sessions.ts';

/** Connections that have not shown who they are: page, scripts and logins. The longest there makes room, so that a crowd of them keeps nobody out. */
const maxStrangers = 64;
/** Tabs and tools of one user, and the strangers. */
const maxConnections = 512;
/** Clients on this machine need no time for a head. Both only count with the check's interval. */
const headMs = 5_000;
const requestMs = 10_000;
const checkEveryMs = 1_000;

/** What the TCP face of the API is made of. */
export interface WebServerParts {
  /** The API itself, whose callers may do everything. */
  readonly handle: RequestListener;
  /** 256 bits that only the user can read. */
  readonly token: string;
  readonly sessions: WebSessions;
  /** Of the dashboard. */
  readonly files: WebFiles;
  /** How long a reader may take nothing of what waits for it. @default 30 s */
  readonly stuckMs?: number;
}

/**
 * HTTP server of the admin API for tools and browsers, not yet listening. It belongs on a loopback address only. Whoever shows the token
 * (`authorization: Bearer`), or the two halves of a session, may do everything; nobody else gets anything but the dashboard's empty page.
 */
export function createWebServer(parts: WebServerParts): Server {
  const options = {
    maxHeaderSize: 16 * 1024,
    headersTimeout: headMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: checkEveryMs,
    // Refused here, with our headers.
    requireHostHeader: false,
  };
  const strangers = new Set<Socket>();
  const server = createServer(options, (request, response) => {
    for (const [name, value] of Object.entries(webHeaders)) response.setHeader(name, value);
    answer(parts, request, response, () => strangers.delete(request.socket)).catch(error => {
      const known = asMeshError(error) ?? new MeshError('internal', 'the request failed');
      fail(response, known, known.code === 'unauthorized' ? 401 : undefined);
    });
  });
  server.maxConnections = maxConnections;
  server.on('connection', (socket: Socket) => {
    strangers.add(socket);
    socket.once('close', () => strangers.delete(socket));
    const [longest] = strangers;
    if (strangers.size > maxStrangers) longest?.destroy();
  });
  dropStuckReaders(server, parts.stuckMs ?? stuckMs);
  server.on('clientError', (_error, socket) => refuseRaw(socket as Socket));
  server.on('connect', (_request, socket) => refuseRaw(socket as Socket));
  return server;
}

async function answer(
  { handle, token, sessions, files }: WebServerParts,
  request: IncomingMessage,
  response: ServerResponse,
  onKnown: () => void,
): Promise<void> {
  const port = request.socket.localPort ?? 0;
  const problem = refusal(request, port);
  if (problem !== null) {
    // What is left of it is not read.
    response.setHeader('connection', 'close');
    fail(response, new MeshError('forbidden', problem), 403);
    return;
  }
  if (files.serve(request, response)) return;
  const cookie = `mesh_session_${port}`;
  const path = `${request.method} ${withoutPrefix(request.url ?? '/')}`;
  if (path === 'POST /v1/session') {
    const { token: given, code } = await readBody(request);
    const known =
      (typeof given === 'string' && sameSecret(given, token)) || (typeof code === 'string' && sessions.takeCode(code));
    if (!known) throw unauthorized(response);
    const { id, proof, maxAgeSeconds } = sessions.create();
    // Not `Secure`: Safari keeps such cookies from http://127.0.0.1. Nothing leaves this machine.
    response.setHeader('set-cookie', `${cookie}=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAgeSeconds}`);
    json(response, { kind: 'Session', proof, maxAgeSeconds });
    return;
  }
  const id = cookieOf(request, cookie);
  if (!holdsToken(request, token) && !sessions.holds(id, String(request.headers['x-mesh-proof'] ?? '')))
    throw unauthorized(response);
  onKnown();
  if (path === 'DELETE /v1/session') {
    sessions.end(id);
    response.setHeader('set-cookie', `${cookie}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`);
    json(response, { kind: 'SessionEnded' });
  } else if (path === 'POST /v1/login-code') json(response, { kind: 'LoginCode', code: sessions.createCode() });
  else handle(request, response);
}

function holdsToken(request: IncomingMessage, token: string): boolean {
  const given = /^Bearer ([\w-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return given !== undefined && sameSecret(given, token);
}

function cookieOf(request: IncomingMessage, name: string): string {
  const pairs = (request.headers.cookie ?? '').split('; ').map(pair => pair.split('='));
  return pairs.find(([key]) => key === name)?.[1] ?? '';
}

/** To throw; the same words whatever was wrong. */
function unauthorized(response: ServerResponse): MeshError {
  response.setHeader('connection', 'close');
  response.setHeader('www-authenticate', 'Bearer realm="mesh"');
  return new MeshError(
    'unauthorized',
    'the token is missing or wrong',
    'send `authorization: Bearer` with the text of .mesh/api-token',
  );
}

/** To a request that cannot be read. */
function refuseRaw(socket: Socket): void {
  if (!socket.writable) return;
  const headers = Object.entries(webHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 400 Bad Request\r\n${headers.join('')}connection: close\r\ncontent-length: 0\r\n\r\n`);
}
