import type { MeshApi } from '../../src/api/types.ts';

/** An API of which a test answers what it asks for; all else fails. */
export function partialApi(api: Partial<MeshApi>): MeshApi {
  return new Proxy(api, {
    get(target, name, receiver) {
      // A promise is told from an API by its `then`.
      if (name === 'then' || Reflect.has(target, name)) return Reflect.get(target, name, receiver);
      return () => {
        throw new Error(`${String(name)} was not asked for in this test`);
      };
    },
  }) as MeshApi;
}
