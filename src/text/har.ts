/** HTTP Archive 1.2, as browsers' developer tools import it. @see http://www.softwareishard.com/blog/har-12-spec/ */
import { type BodyStart, textOf } from './body-text.ts';

type Fields = readonly (readonly [name: string, value: string])[];

interface Named {
  readonly name: string;
  readonly value: string;
}

/** What an archive needs of a tapped request and its answer. */
export interface HarExchange {
  readonly at: string;
  readonly caller: string;
  readonly called: string;
  readonly upstreamAddress: string;
  /** Ms since epoch. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly flag: string;
  readonly protocol: string;
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  /** 0: no answer. */
  readonly status: number;
  readonly requestId: string;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly requestHeaders: Fields;
  readonly responseHeaders: Fields;
  readonly requestBody: BodyStart | null;
  readonly responseBody: BodyStart | null;
}

/** The archive of what was tapped. `version`: of this program; `phrases`: reason phrases of HTTP/1.1 by status. */
export function harOf(
  exchanges: readonly HarExchange[],
  version: string,
  phrases: Readonly<Record<number, string | undefined>> = {},
): unknown {
  const inOrder = exchanges.toSorted((a, b) => a.startMs - b.startMs);
  const entries = inOrder.map(exchange => entryOf(exchange, phrases[exchange.status] ?? ''));
  return { log: { version: '1.2', creator: { name: 'localmesh', version }, pages: [], entries } };
}

/** The address that was asked for, as far as a head tells. */
export function urlOf({ target, authority }: Pick<HarExchange, 'target' | 'authority'>): string {
  return /^https?:\/\//i.test(target) ? target : `http://${authority || 'unknown'}${target}`;
}

function entryOf(exchange: HarExchange, statusText: string): unknown {
  const { requestHeaders, responseHeaders, requestBody, responseBody, durationMs, status } = exchange;
  const url = urlOf(exchange);
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
      statusText,
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

function contentOf(body: BodyStart): object {
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

function named(fields: Fields): readonly Named[] {
  return fields.map(([name, value]) => ({ name, value }));
}

function valueIn(fields: Fields, name: string): string {
  return fields.find(([each]) => each === name)?.[1] ?? '';
}

function queryOf(url: string): readonly Named[] {
  const query = url.indexOf('?');
  return query < 0 ? [] : [...new URLSearchParams(url.slice(query))].map(([name, value]) => ({ name, value }));
}
