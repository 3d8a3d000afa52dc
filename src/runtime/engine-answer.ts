/** The engine's refusals and its log framing, turned into our terms. Pure. */
import type { LogChunk } from './docker.ts';
import { EngineUnreachable, ImageMissing, PortTaken, RuntimeError } from './runtime-error.ts';

const connectionCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EACCES',
  'EPERM',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EPIPE',
  'EAI_AGAIN',
]);

/** The typed error for what a call to the engine threw. An abort by the caller's signal comes back as it is. */
export function engineError(thrown: unknown, endpoint: string): unknown {
  if (thrown instanceof RuntimeError || !(thrown instanceof Error)) return thrown;
  if (thrown.name === 'TimeoutError')
    return new RuntimeError(
      'engine-error',
      `Docker at ${endpoint} did not answer in time.`,
      'Is the machine overloaded? Try again.',
      { cause: thrown },
    );
  if (thrown.name === 'AbortError') return thrown;
  const { statusCode, message } = refusal(thrown);
  if (statusCode === null) {
    const reason = unreachableReason(thrown);
    return reason === null
      ? new RuntimeError('engine-error', `Docker: ${message}`, '', { cause: thrown })
      : new EngineUnreachable([`${endpoint}: ${reason}`], { cause: thrown });
  }
  const image = statusCode === 404 ? /No such image: (\S+)/i.exec(message)?.[1] : undefined;
  if (image !== undefined) return new ImageMissing(image);
  const name = statusCode === 409 ? /container name "\/?([^"]+)" is already in use/i.exec(message)?.[1] : undefined;
  if (name !== undefined) {
    return new RuntimeError(
      'name-taken',
      `A container named ${name} exists already and is not part of this mesh.`,
      `Remove it (docker rm -f ${name}) or choose another project name with -p.`,
    );
  }
  const port = /(?:Bind for|listen (?:tcp|udp)[46]?|exposing port (?:TCP|UDP)) (\S+?):(\d+)/i.exec(message);
  if (port !== null && /already allocated|address already in use/i.test(message))
    return new PortTaken(port[1] ?? '', Number(port[2]), '', '');
  return new RuntimeError('engine-error', `Docker refused: ${message}`, '', { cause: thrown });
}

/** HTTP status of the engine's refusal, `null` when there was no answer. */
export function refusal(thrown: unknown): { readonly statusCode: number | null; readonly message: string } {
  const error = thrown as { statusCode?: unknown; json?: unknown; message?: unknown };
  const said = (error.json as { message?: unknown } | null | undefined)?.message;
  return {
    statusCode: typeof error.statusCode === 'number' ? error.statusCode : null,
    message: String(typeof said === 'string' ? said : error.message)
      .replace(/^\(HTTP code \d+\) [^-]*- /, '')
      .trim(),
  };
}

/** Why a connection failed, in words; `null` when it did not fail for want of an engine. */
function unreachableReason(thrown: unknown): string | null {
  const { code, message } = thrown as { code?: unknown; message?: unknown };
  if (code === 'ENOENT') return 'no such socket';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission (is your user in the group `docker`?)';
  if (code === 'ECONNREFUSED') return 'connection refused (is the engine running?)';
  if (typeof code === 'string' && connectionCodes.has(code)) return `${code}: ${String(message)}`;
  return /socket hang up/.test(String(message)) ? 'the connection was closed' : null;
}

/** Takes the engine's log frames apart: 1 byte stream, 3 zero, 4 bytes big-endian length. A terminal's stream has no frames. */
export async function* demultiplex(source: AsyncIterable<Buffer | string>, tty: boolean): AsyncGenerator<LogChunk> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const part of source) {
    const bytes = Buffer.from(part);
    if (tty) {
      yield { stream: 'stdout', data: bytes };
      continue;
    }
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
    while (pending.length >= 8) {
      const end = 8 + pending.readUInt32BE(4);
      if (pending.length < end) break;
      yield { stream: pending[0] === 2 ? 'stderr' : 'stdout', data: pending.subarray(8, end) };
      pending = pending.subarray(end);
    }
  }
}

/** Objects of a stream of JSON lines, as pulls, builds and events send them. */
export async function* jsonLines(source: AsyncIterable<Buffer | string>): AsyncGenerator<Record<string, unknown>> {
  let pending = '';
  const decoder = new TextDecoder();
  for await (const part of source) {
    pending += typeof part === 'string' ? part : decoder.decode(part, { stream: true });
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Record<string, unknown>;
  }
  if (pending.trim() !== '') yield JSON.parse(pending) as Record<string, unknown>;
}
