import { maxTapFields, maxTapText } from '../../snapshot/tap.ts';
import { isSecret, masked, maskTarget } from '../../telemetry/mask.ts';

/** Fields of a head as people may see them. `head`: its lines, the first of which is none. */
export function shownFields(head: string): readonly (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [];
  for (let at = head.indexOf('\r\n') + 2; at > 1 && at < head.length && fields.length < maxTapFields; ) {
    const end = head.indexOf('\r\n', at);
    const line = head.substring(at, end < 0 ? head.length : end);
    const colon = line.indexOf(':');
    if (colon > 0) {
      const name = line.substring(0, colon).toLowerCase();
      fields.push([cut(name), isSecret(name) ? masked : cut(maskTarget(line.substring(colon + 1).trim()))]);
    }
    at = end < 0 ? head.length : end + 2;
  }
  return fields;
}

/** Text of others within bounds. */
export function cut(text: string): string {
  return text.length > maxTapText ? `${text.substring(0, maxTapText - 1)}…` : text;
}
