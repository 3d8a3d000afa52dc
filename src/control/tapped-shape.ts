import {
  few,
  flag,
  ms,
  nullable,
  object,
  oneOf,
  type Shape,
  SnapshotError,
  short,
  tagged,
  text,
  whole,
} from '../snapshot/shape.ts';
import {
  maxTapBodyBytes,
  maxTapFields,
  maxTappedPerMessage,
  maxTapText,
  type TapEvent,
  type Tapped,
  type TappedBody,
} from '../snapshot/tap.ts';

const maxBase64 = Math.ceil(maxTapBodyBytes / 3) * 4;
/** Watchers of one request, and those whose lines were shed: the daemon has no more. */
const maxWatchers = 64;
const cut = short(maxTapText);

const pair: Shape<readonly [string, string]> = (value, path) => {
  const [name, rest, ...more] = few(3, cut)(value, path);
  if (name === undefined || rest === undefined || more.length > 0) throw new SnapshotError(path, 'expected a name and a value');
  return [name, rest];
};
const fields = few(maxTapFields, pair);
const body = nullable(object<TappedBody>({ base64: short(maxBase64), cut: flag }));

const ends = {
  side: oneOf('source', 'destination'),
  caller: cut,
  called: cut,
  principal: cut,
  remoteAddress: cut,
  upstreamAddress: cut,
  startMs: ms,
  flag: cut,
  durationMs: ms,
  bytesReceived: whole(0),
  bytesSent: whole(0),
} as const;

const event = tagged<TapEvent>({
  exchange: {
    ...ends,
    protocol: cut,
    method: cut,
    target: cut,
    authority: cut,
    status: whole(0, 999),
    grpcStatus: nullable(cut),
    details: cut,
    rule: cut,
    requestId: cut,
    traceId: nullable(text(/^[0-9a-f]{32}$/, 'a trace id')),
    requestHeaders: fields,
    responseHeaders: fields,
    requestBody: body,
    responseBody: body,
  },
  connection: { ...ends, phase: oneOf('opened', 'closed') },
});

/** Fields of `Tapped` from a sidecar, with the bounds that sidecars keep to. */
export const tappedFields = {
  dropped: few(maxWatchers, object<Tapped['dropped'][number]>({ id: whole(0), count: whole(0) })),
  events: few(maxTappedPerMessage, object<Tapped['events'][number]>({ ids: few(maxWatchers, whole(0)), event })),
};
