import type { TapExchange } from '../../../api/tap.ts';
import { textOf } from '../../../text/body-text.ts';
import { escapeCharacter, unsafeCharacters } from '../../../text/escape.ts';
import { urlOf } from '../../../text/har.ts';

/** What curl says itself, what belongs to the connection, and what would make the repetition part of the first request's trace. */
const notRepeated =
  /^(host|content-length|transfer-encoding|connection|keep-alive|te|upgrade|x-request-id|traceparent|tracestate|b3|x-b3-.*|x-forwarded-.*)$/;

/** A request as a command, and what it lacks. */
export interface Curl {
  readonly command: string;
  /** The empty string: nothing is missing. */
  readonly note: string;
}

/** The request as a command of a shell. What is masked stays masked. */
export function curlOf(exchange: TapExchange): Curl {
  const { method, requestHeaders, requestBody, bytesReceived } = exchange;
  const text = requestBody === null || requestBody.cut ? null : textOf(requestBody);
  const body = text === null || text === '' || text.includes('\0') ? null : text;
  const usual = body === null ? 'GET' : 'POST';
  const words = ['curl', '-g', '--path-as-is'];
  if (method === 'HEAD') words.push('--head');
  else if (method !== usual) words.push('-X', quoted(method));
  for (const [name, value] of requestHeaders) {
    if (notRepeated.test(name)) continue;
    if (name === 'accept-encoding') words.push('--compressed');
    // Without a value curl would leave the header out.
    else words.push('-H', quoted(value === '' ? `${name};` : `${name}: ${value}`));
  }
  // Not `--data`, which reads a file where the text begins with an @.
  if (body !== null) words.push('--data-raw', quoted(body));
  words.push(quoted(urlOf(exchange)));
  return { command: words.join(' '), note: noteOf(exchange, body !== null || bytesReceived === 0) };
}

function noteOf({ requestBody, requestHeaders, target }: TapExchange, isWhole: boolean): string {
  const masked = target.includes('***') || requestHeaders.some(([, value]) => value.includes('***'));
  const missing = isWhole
    ? ''
    : requestBody === null
      ? 'its body, which was not asked for'
      : 'its body, which is cut off or no text';
  return [missing === '' ? '' : `Without ${missing}.`, masked ? 'Put in what is masked (***).' : ''].filter(Boolean).join(' ');
}

/**
 * A word of a POSIX shell, with what a terminal would obey as an escape of bash and zsh. No shell is told by us which one it is, so none is given a quote that
 * it could read as the end: fish knows `\'` between quotes, dash has no `$'…'`.
 */
function quoted(text: string): string {
  if (/^[\w./:@%+-][\w./:=@%+-]*$/.test(text)) return text;
  const unsafe = new RegExp(`[${unsafeCharacters}]`, 'g');
  if (!unsafe.test(text)) return `'${text.replace(/['\\]/g, "'\\$&'")}'`;
  return `$'${text.replace(/\\/g, '\\\\').replace(/'/g, '\\047').replace(unsafe, escapeCharacter)}'`;
}
