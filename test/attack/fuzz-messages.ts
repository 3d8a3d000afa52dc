/** Valid HTTP/1 messages with some damage done to them. */
import fc from 'fast-check';

const head = 'Host: a\r\n';
const requests = [
  `GET / HTTP/1.1\r\n${head}\r\n`,
  `GET /a?b=c&d HTTP/1.1\r\n${head}Accept: */*\r\nCookie: a=1; b=2\r\n\r\n`,
  `HEAD /h HTTP/1.1\r\n${head}X-A: 1\r\nx-a: 2\r\n\r\n`,
  `POST /l HTTP/1.1\r\n${head}Content-Length: 5\r\n\r\nhello`,
  `PUT /l0 HTTP/1.1\r\n${head}Content-Length: 0\r\n\r\n`,
  `POST /c HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  `POST /x HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-T: t\r\n\r\n`,
  `POST /n HTTP/1.1\r\n${head}Content-Length: 46\r\n\r\nGET /SMUGGLED HTTP/1.1\r\nHost: a\r\nContent: 12\r\n\r\n`,
  `DELETE /d HTTP/1.1\r\n${head}X-Hop: 1\r\nConnection: x-hop\r\n\r\n`,
  `GET http://a/abs HTTP/1.1\r\n${head}\r\n`,
  `OPTIONS * HTTP/1.1\r\n${head}\r\n`,
  `POST /e HTTP/1.1\r\n${head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok`,
  `GET /10 HTTP/1.0\r\n${head}\r\n`,
  `GET /close HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
];
const answers = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: 1\r\nX-A: 2\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5;x="y"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-T: t\r\n\r\n',
  'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\n\r\nold',
  'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 503 \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nno',
];
/** What parsers have been known to see differently. */
const tokens = [
  ...['\r', '\n', '\r\n', '\r\n\r\n', '\n\n', '\0', ' ', '\t', '\x0b', '\x0c', '\x7f', '\x85', '\xa0', '\xff'],
  ...[':', ';', ',', '"', '0', '1', '5', '-', '+', 'x', '/', '?', '#', '%0d%0a', '\\', '0x', '00'],
  ...[
    'Content-Length: 3\r\n',
    'Content-Length: 5\r\n',
    'content-length: 05\r\n',
    'Content-Length: 5, 5\r\n',
    'Content-Length: \r\n',
  ],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: identity\r\n', 'Transfer-Encoding: chunked, chunked\r\n'],
  ...['transfer-encoding:\tChunked\r\n', 'Transfer-Encoding : chunked\r\n', 'Transfer_Encoding: chunked\r\n'],
  ...['Connection: close\r\n', 'Connection: content-length\r\n', 'Connection: keep-alive\r\n', ' folded\r\n', 'Host: b\r\n'],
  ...['0\r\n\r\n', '5\r\nhello\r\n', '5;\r\n', 'GET /SMUGGLED HTTP/1.1\r\nHost: a\r\n\r\n', ' HTTP/1.1', ' HTTP/1.0'],
];

type Damage =
  | { readonly kind: 'insert'; readonly at: number; readonly what: string }
  | { readonly kind: 'cut'; readonly at: number; readonly length: number }
  | { readonly kind: 'replace'; readonly at: number; readonly what: string }
  | { readonly kind: 'swap-case'; readonly at: number }
  | { readonly kind: 'repeat-line'; readonly at: number };

const place = fc.integer({ min: 0, max: 10_000 });
const what = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...tokens) }, fc.string({ unit: 'binary-ascii', maxLength: 3 }));
const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('insert' as const), at: place, what }) },
  fc.record({ kind: fc.constant('cut' as const), at: place, length: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('replace' as const), at: place, what }),
  fc.record({ kind: fc.constant('swap-case' as const), at: place }),
  fc.record({ kind: fc.constant('repeat-line' as const), at: place }),
);

function damaged(text: string, damages: readonly Damage[]): string {
  return damages.reduce((whole, one) => {
    const at = one.at % (whole.length + 1);
    const before = whole.slice(0, at);
    const after = whole.slice(at);
    if (one.kind === 'insert') return before + one.what + after;
    if (one.kind === 'cut') return before + after.slice(one.length);
    if (one.kind === 'replace') return before + one.what + after.slice(one.what.length);
    if (one.kind === 'swap-case') return before + after.slice(0, 1).toUpperCase() + after.slice(1);
    const start = whole.lastIndexOf('\n', at - 1) + 1;
    const end = whole.indexOf('\n', at);
    return end < 0 ? whole : whole.slice(0, end + 1) + whole.slice(start);
  }, text);
}

const damages = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 6, arbitrary: fc.array(damage, { minLength: 1, maxLength: 3 }) },
);

/** One to three requests on one connection. */
export const requestBytes: fc.Arbitrary<string> = fc
  .tuple(fc.array(fc.constantFrom(...requests), { minLength: 1, maxLength: 3 }), damages)
  .map(([messages, done]) => damaged(messages.join(''), done));

/** An answer, sometimes with bytes of another one behind it. */
export const answerBytes: fc.Arbitrary<string> = fc
  .tuple(fc.array(fc.constantFrom(...answers), { minLength: 1, maxLength: 2 }), damages)
  .map(([messages, done]) => damaged(messages.join(''), done));
