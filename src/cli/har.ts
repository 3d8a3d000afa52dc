/** HTTP Archive 1.2, as browsers' developer tools import it. @see http://www.softwareishard.com/blog/har-12-spec/ */
import { STATUS_CODES } from 'node:http';
import type { TapBody, TapExchange } from '../api/tap.ts';
import { textOf } from './tap-text.ts';

interface Named {
  readonly name: string;
  readonly value: string;
}

/** The archive of what was tapped. `version`: of this program. */
export function harOf(exchanges: readonly TapExchange[], version: string): unknown {
  const inOrder = exchanges.toSorted((a, b) => a.startMs - b.startMs);
  return { log: { version: '1.2', creator: { name: 'localmesh', version }, pages: [], entries: inOrder.map(entryOf) } };
}

function entryOf(exchange: TapExchange): unknown {
  const { requestHeaders, responseHeaders, requestBody, responseBody, durationMs, status } = exchange;
  const url = /^https?:\/\//i.test(exchange.target)
    ? exchange.target
    : `http://${exchange.authority || 'unknown'}${exchange.target}`;
  const sent = valueIn(requestHeaders, 'content-type');
  const answered = valueIn(responseHeaders, 'content-type');
  return {
    startedDateTime: new Date(exchange.startMs).toISOString(),
    time: durationMs,
    request: {
      method: exchange.method,
      url,
      httpVersion: exchange.protocol,
      cookies: [],
      headers: named(requestHeaders),
      queryString: queryOf(url),
      ...(requestBody === null || requestBody.base64 === ''
        ? {}
        : {
            postData: {
              mimeType: sent || 'application/octet-stream',
              params: [],
              text: textOf(requestBody) ?? '',
              ...cutNote(requestBody.cut),
            },
          }),
      headersSize: -1,
      bodySize: exchange.bytesReceived,
    },
    response: {
      status,
      statusText: STATUS_CODES[status] ?? '',
      httpVersion: exchange.protocol,
      cookies: [],
      headers: named(responseHeaders),
      content: {
        size: exchange.bytesSent,
        mimeType: answered || 'x-unknown',
        ...(responseBody === null ? {} : contentOf(responseBody)),
      },
      redirectURL: valueIn(responseHeaders, 'location'),
      headersSize: -1,
      bodySize: exchange.bytesSent,
    },
    cache: {},
    // Only the whole is known.
    timings: { send: 0, wait: durationMs, receive: 0 },
    ...serverAddress(exchange.upstreamAddress),
    comment: `${exchange.caller || 'unknown'} → ${exchange.called || 'unknown'} at ${exchange.at}, flag ${exchange.flag}, request ${exchange.requestId}`,
  };
}

function contentOf(body: TapBody): object {
  const text = textOf(body);
  return { ...(text === null ? { text: body.base64, encoding: 'base64' } : { text }), ...cutNote(body.cut) };
}

function cutNote(cut: boolean): object {
  return cut ? { comment: 'only the beginning' } : {};
}

function serverAddress(address: string): object {
  const host = address.slice(0, Math.max(0, address.lastIndexOf(':'))).replace(/^\[|\]$/g, '');
  return host === '' ? {} : { serverIPAddress: host };
}

function named(fields: TapExchange['requestHeaders']): readonly Named[] {
  return fields.map(([name, value]) => ({ name, value }));
}

function valueIn(fields: TapExchange['requestHeaders'], name: string): string {
  return fields.find(([each]) => each === name)?.[1] ?? '';
}

function queryOf(url: string): readonly Named[] {
  const query = url.indexOf('?');
  return query < 0 ? [] : [...new URLSearchParams(url.slice(query))].map(([name, value]) => ({ name, value }));
}
