import type { MeshEventBody } from '../api/types.ts';
import { calledWithoutPort, imagesWithoutPorts, withExposedPorts } from '../config/exposed-ports.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** What the images of the engine add to a configuration: the ports of services for which none is written. */
export class ExposedPorts {
  readonly #runtime: Pick<Runtime, 'exposedPorts'>;
  readonly #known = new Map<string, readonly number[]>();
  readonly #told = new Set<string>();

  constructor(runtime: Pick<Runtime, 'exposedPorts'>) {
    this.#runtime = runtime;
  }

  /** The configuration with every port that is known. */
  fill(config: MeshConfig): MeshConfig {
    return withExposedPorts(config, image => this.#known.get(image) ?? []);
  }

  /** Asks the engine for the images that matter; whether anything is new. */
  async learn(config: MeshConfig): Promise<boolean> {
    const images = imagesWithoutPorts(config);
    if (images.length === 0) return false;
    const found = await this.#runtime.exposedPorts(images);
    const isNew = [...found].some(([image, ports]) => String(this.#known.get(image) ?? []) !== String(ports));
    for (const [image, ports] of found) this.#known.set(image, ports);
    return isNew;
  }

  /** Services that are called and have no port even so; each is told once. */
  warnings(config: MeshConfig): readonly MeshEventBody[] {
    const names = calledWithoutPort(this.fill(config)).filter(name => !this.#told.has(name));
    for (const name of names) this.#told.add(name);
    return names.map(name => ({
      kind: 'warning',
      message: `nothing says which port ${name} listens on, its image exposes none: calls to it cannot arrive`,
      hint: `write \`services: {${name}: {port: 8080}}\``,
    }));
  }
}
