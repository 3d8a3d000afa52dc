/** Fields of request bodies that belong to no document. */
import { MeshError } from './mesh-error.ts';

type Body = Readonly<Record<string, unknown>>;

/** Which faults are meant. @throws MeshError `bad-body`, `bad-fault` */
export function faultIds(body: Body): readonly string[] | 'all' {
  const { ids } = known(body, ['ids']);
  if (ids === 'all') return ids;
  if (Array.isArray(ids) && ids.every(id => typeof id === 'string')) return ids;
  throw new MeshError('bad-fault', '`ids` is neither a list of names nor "all"', 'write `{"ids": ["delay-1"]}`');
}

/** Of the dashboard; `null`: the usual one. @throws MeshError `bad-body` */
export function portOf(body: Body): number | null {
  const port = known(body, ['port'])['port'] ?? null;
  if (port === null || (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535)) return port;
  throw new MeshError('bad-body', '`port` is no port', 'a number up to 65535; 0 is any free one');
}

/** A field that is not read could be one that was misspelt: `formMs` would leave a fault in force for ever. @throws MeshError `bad-body` */
export function known(body: Body, fields: readonly string[]): Body {
  const unknown = Object.keys(body).find(name => !fields.includes(name));
  if (unknown === undefined) return body;
  throw new MeshError('bad-body', `unknown field ${JSON.stringify(unknown.slice(0, 60))}`, `one of ${fields.join(', ')}`);
}

/** A switch; whoever asks for volumes to be removed must have meant it. @throws MeshError `bad-body` */
export function flag(body: Body, name: string): boolean {
  const value = known(body, [name])[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw new MeshError('bad-body', `\`${name}\` is neither true nor false`, `write \`{"${name}": true}\``);
}
