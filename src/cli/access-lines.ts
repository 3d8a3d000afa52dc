import { type AccessField, type AccessFilter, compileFilter } from '../text/access-filter.ts';

/** Lines of a sidecar that are of its access log, text or JSON, with or without the engine's own time in front. */
const accessLine = /^(?:\d{4}-\d\d-\d\dT\S+ )?(?:\[\d{4}-\d\d-\d\dT[\d:.]+Z\] "|(?=\{"start_time":))/;

/** Keys of JSON lines by field of the filter. */
const keys: Readonly<Record<AccessField, string>> = {
  status: 'response_code',
  duration: 'duration',
  received: 'bytes_received',
  sent: 'bytes_sent',
  method: 'method',
  path: 'path',
  host: 'authority',
  protocol: 'protocol',
  caller: 'source_service',
  called: 'destination_service',
  route: 'route_name',
  flag: 'response_flags',
  details: 'response_code_details',
  agent: 'user_agent',
  id: 'request_id',
};

const numeric = new Set<AccessField>(['status', 'duration', 'received', 'sent']);

type JsonLine = Readonly<Record<string, unknown>>;

/** Picks the lines of the access log out of what sidecars wrote. */
export class AccessLines {
  readonly #wanted: ((line: JsonLine) => boolean) | null;
  readonly #jsonOnly: boolean;
  /** Lines of the access log that could not be judged, being text. */
  unread = 0;

  /** `filter`: `null` for all. `json`: only JSON lines. */
  constructor(filter: AccessFilter | null, json: boolean) {
    this.#wanted = filter === null ? null : compileFilter(filter, jsonValue);
    this.#jsonOnly = json;
  }

  /** Whether the line is to be shown. */
  takes(text: string): boolean {
    if (!accessLine.test(text)) return false;
    if (this.#wanted === null && !this.#jsonOnly) return true;
    const line = jsonOf(text);
    if (line === null) {
      this.unread++;
      return false;
    }
    return this.#wanted?.(line) ?? true;
  }
}

function jsonOf(text: string): JsonLine | null {
  const start = text.indexOf('{"start_time":');
  try {
    return start < 0 || text.startsWith('[') ? null : (JSON.parse(text.slice(start)) as JsonLine);
  } catch {
    return null;
  }
}

function jsonValue(line: JsonLine, field: AccessField): string | number {
  const value = line[keys[field]];
  if (numeric.has(field)) return typeof value === 'number' ? value : 0;
  return typeof value === 'string' && !(field === 'flag' && value === '-') ? value : '';
}
