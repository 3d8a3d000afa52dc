import { flag, list, nullable, object, oneOf, type Shape, SnapshotError, share, tagged, text, whole } from '../snapshot/shape.ts';
import {
  maxTapBodyBytes,
  maxTapFields,
  maxTappedPerMessage,
  maxTapText,
  type TapEvent,
  type Tapped,
  type TappedBody,
} from '../snapshot/tap.ts';

const ms = share(Number.MAX_SAFE_INTEGER);
const maxBase64 = Math.ceil(maxTapBodyBytes / 3) * 4;

const atMost = (most: number): Shape<string> => {
  return (value, path) => {
    const found = text()(value, path);
    if (found.length > most) throw new SnapshotError(path, `expected at most ${most} characters`);
    return found;
  };
};
const cut = atMost(maxTapText);

function atMostItems<T>(most: number, shape: Shape<readonly T[]>): Shape<readonly T[]> {
  return (value, path) => {
    if (Array.isArray(value) && value.length > most) throw new SnapshotError(path, `expected at most ${most} items`);
    return shape(value, path);
  };
}

const pair: Shape<readonly [string, string]> = (value, path) => {
  const [name, rest, ...more] = list(cut)(value, path);
  if (name === undefined || rest === undefined || more.length > 0) throw new SnapshotError(path, 'expected a name and a value');
  return [name, rest];
};
const fields = atMostItems(maxTapFields, list(pair));
const body = nullable(object<TappedBody>({ base64: atMost(maxBase64), cut: flag }));

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
  dropped: list(object<Tapped['dropped'][number]>({ id: whole(0), count: whole(0) })),
  events: atMostItems(maxTappedPerMessage, list(object<Tapped['events'][number]>({ ids: list(whole(0)), event }))),
};
