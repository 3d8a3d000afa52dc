/** The admin API as the page asks it. */
import type { ErrorDocument } from '../../api/types.ts';
import { readDocument } from './document.ts';
import { readEvents } from './event-stream.ts';
import { forget, proof } from './session.ts';

/** The daemon's own word about what went wrong; `unreachable`: there was none. */
export class CallError extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint = '') {
    super(message);
    this.name = 'CallError';
    this.code = code;
    this.hint = hint;
  }
}

/** What a call failed with; anything but the daemon's word is a bug of the page. */
export function callErrorOf(error: unknown): CallError {
  return error instanceof CallError ? error : new CallError('bug', String(error));
}

/** One document. @throws CallError */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return readDocument<T>(await (await send('GET', path, undefined, signal)).text());
}

/** One change. @throws CallError */
export async function post<T>(path: string, body: object): Promise<T> {
  return readDocument<T>(await (await send('POST', path, body)).text());
}

/** Documents as they come, until the signal or the end of the daemon. `onOpen`: the daemon has taken the question. @throws CallError */
export async function* follow<T>(
  path: string,
  signal: AbortSignal,
  onOpen: () => void = () => {},
): AsyncGenerator<Awaited<T>, void, void> {
  const answer = await send('GET', path, undefined, signal, 'text/event-stream');
  onOpen();
  if (answer.body === null) return;
  try {
    for await (const { event, data } of readEvents(answer.body.pipeThrough(new TextDecoderStream()))) {
      if (event === 'error') {
        const { code, message, hint } = readDocument<ErrorDocument>(data);
        throw new CallError(code, message, hint);
      }
      yield readDocument<Awaited<T>>(data);
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof CallError ? error : new CallError('unreachable', 'the daemon went away');
  }
}

async function send(
  method: string,
  path: string,
  body?: object,
  signal?: AbortSignal,
  accept = 'application/json',
): Promise<Response> {
  const shown = proof();
  const headers: Record<string, string> = { accept, 'x-mesh-proof': shown };
  if (body !== undefined) headers['content-type'] = 'application/json';
  let answer: Response;
  try {
    answer = await fetch(path, { method, headers, ...(body && { body: JSON.stringify(body) }), ...(signal && { signal }) });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new CallError('unreachable', 'the daemon does not answer', '`mesh up` starts it, then `mesh dashboard` opens its port');
  }
  if (answer.ok) return answer;
  const { code, message, hint } = (await answer.json().catch(() => ({}))) as Partial<ErrorDocument>;
  if (code === 'unauthorized') forget(shown);
  throw new CallError(code ?? 'internal', message ?? `the daemon answered ${answer.status}`, hint);
}
