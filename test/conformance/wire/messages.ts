/** Reads raw HTTP/1 bytes as a strict peer does, to say what really arrived: nothing is repaired and nothing is guessed. */

/** One message as it stood on the wire. */
export interface Message {
  /** Request or status line. */
  readonly line: string;
  readonly method: string;
  readonly target: string;
  /** 0 for a request. */
  readonly status: number;
  /** Lower-case names with their values, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly trailers: string;
  /** All of it arrived, and its end is told by its framing. */
  readonly complete: boolean;
  /** The body ends with the connection. */
  readonly untilClose: boolean;
  /** What no proxy should ever have written. */
  readonly faults: readonly string[];
}

/** Values of one field, in order. */
export function valuesOf(message: Message, name: string): string[] {
  return message.headers.filter(([key]) => key === name).map(([, value]) => value);
}

/** Requests in `text`, the last one maybe incomplete. */
export function requestsIn(text: string): Message[] {
  const found: Message[] = [];
  for (let at = 0; at < text.length; ) {
    const [message, end] = readMessage(text, at, null);
    found.push(message);
    if (!message.complete) break;
    at = end;
  }
  return found;
}

/** Answers in `text`; `methods` are those of the requests they belong to. What follows a 101 is its body. */
export function responsesIn(text: string, methods: readonly string[]): Message[] {
  const found: Message[] = [];
  let answered = 0;
  for (let at = 0; at < text.length; ) {
    const [message, end] = readMessage(text, at, methods[answered] ?? 'GET');
    found.push(message);
    if (message.status < 100 || message.status >= 200) answered++;
    if (!message.complete) break;
    at = end;
  }
  return found;
}

/** `answers`: method of the request that an answer belongs to; `null` for requests. */
function readMessage(text: string, from: number, answers: string | null): [Message, number] {
  const headEnd = text.indexOf('\r\n\r\n', from);
  const lines = text.slice(from, headEnd < 0 ? text.length : headEnd).split('\r\n');
  const line = lines[0] ?? '';
  const request = /^([!-~]+) ([!-~\x80-\xff]+) HTTP\/1\.[01]$/.exec(line);
  const answer = /^HTTP\/1\.[01] (\d{3})(?: [^\r\n]*)?$/.exec(line);
  const headers = lines.slice(1).map((field): [string, string] => {
    const colon = field.indexOf(':');
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  });
  const status = Number(answer?.[1] ?? 0);
  const faults = [
    ...((answers === null ? request : answer) === null ? [`line ${JSON.stringify(line.slice(0, 80))}`] : []),
    ...lines.slice(1).filter(field => !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[^\0\r\n]*$/.test(field)),
  ];
  const parts = { line, method: request?.[1] ?? '', target: request?.[2] ?? '', status, headers };
  const nothing = { ...parts, body: '', trailers: '', complete: false, untilClose: false };
  if (headEnd < 0) return [{ ...nothing, faults: [] }, text.length];
  const at = headEnd + 4;
  const lengths = headers.filter(([name]) => name === 'content-length').map(([, value]) => value);
  const codings = headers.filter(([name]) => name === 'transfer-encoding').map(([, value]) => value);
  if (lengths.length > 1) faults.push('several lengths');
  if (lengths.length > 0 && codings.length > 0) faults.push('length and coding');
  if (status === 101) return [{ ...nothing, body: text.slice(at), complete: true, faults }, text.length];
  const bodiless = answers !== null && (answers === 'HEAD' || status < 200 || status === 204 || status === 304);
  if (bodiless) return [{ ...nothing, complete: true, faults }, at];
  if (codings.length > 0) {
    if (codings.join() !== 'chunked') faults.push(`coding ${codings.join()}`);
    const chunked = readChunks(text, at);
    return [{ ...parts, ...chunked, untilClose: false, faults: [...faults, ...chunked.faults] }, chunked.end];
  }
  if (lengths.length > 0 || answers === null) {
    const length = Number(lengths[0] ?? 0);
    const body = text.slice(at, at + length);
    return [{ ...nothing, body, complete: body.length === length, faults }, at + length];
  }
  return [{ ...nothing, body: text.slice(at), complete: true, untilClose: true, faults }, text.length];
}

function readChunks(text: string, from: number) {
  let body = '';
  let at = from;
  const cut = (faults: readonly string[] = []) => ({ body, trailers: '', complete: false, end: text.length, faults });
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return cut();
    const size = text.slice(at, lineEnd);
    if (!/^[0-9a-fA-F]{1,8}$/.test(size)) return cut([`chunk size ${JSON.stringify(size.slice(0, 40))}`]);
    const length = Number.parseInt(size, 16);
    at = lineEnd + 2;
    if (length === 0) {
      if (text.startsWith('\r\n', at)) return { body, trailers: '', complete: true, end: at + 2, faults: [] };
      const last = text.indexOf('\r\n\r\n', at);
      if (last < 0) return cut();
      return { body, trailers: text.slice(at, last + 2), complete: true, end: last + 4, faults: [] };
    }
    body += text.slice(at, at + length);
    if (text.length < at + length + 2) return cut();
    if (!text.startsWith('\r\n', at + length)) return cut(['chunk without end']);
    at += length + 2;
  }
}
