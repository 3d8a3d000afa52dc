import type { ServiceConfig, TargetConfig } from '../mesh-config.ts';
import { suggest } from '../nearest.ts';
import { shown } from '../shown.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Report } from './report.ts';

/** Services that exist, but not in this run. */
export interface AbsentServices {
  /** Something is wrong with them; told already. */
  readonly broken: ReadonlySet<string>;
  /** Of profiles that are not enabled. */
  readonly inactive: readonly string[];
}

/** Finds what `to` and the keys of `split` mean. */
export class Destinations {
  readonly #services: ReadonlyMap<string, ServiceConfig>;
  readonly #absent: AbsentServices;
  readonly #report: Report;

  constructor(services: readonly ServiceConfig[], absent: AbsentServices, report: Report) {
    this.#absent = absent;
    this.#services = new Map(services.map(service => [service.name, service]));
    this.#report = report;
  }

  /** The service of that name, or an error at `path`. */
  service(name: string, path: YamlPath, key = false): ServiceConfig | null {
    const service = this.#services.get(name);
    if (service === undefined) this.#unknown(name, path, null, key);
    return service ?? null;
  }

  /** Whether there is a service of that name, or it is one of `others`; else an error at `path`. */
  knows(name: string, others: readonly string[], path: YamlPath): boolean {
    if (this.#services.has(name) || others.includes(name)) return true;
    this.#unknown(name, path, null, false, others);
    return false;
  }

  /** All services. */
  get names(): readonly string[] {
    return [...this.#services.keys()];
  }

  /**
   * `service`, `service/version`, `service:port`, `service/version:port`; inside the rules of a service also the bare name of one of its versions.
   * A gateway has no port of the caller to keep, so there (`home` null) the port must be clear.
   */
  find(written: string, home: ServiceConfig | null, path: YamlPath, key = false): TargetConfig | null {
    const match = /^([^/:]+)(?:\/([^/:]+))?(?::(\d{1,5}))?$/.exec(written);
    const [, first = '', second, portText] = match ?? [];
    if (match === null) {
      const hint = 'a version, a service, `service/version` or `service:port`';
      this.#report.error(path, { code: 'bad-value', key, message: `${shown(written)} is not a destination`, hint });
      return null;
    }
    const ownVersion = second === undefined && home?.versions.some(version => version.name === first && first !== '');
    const service = ownVersion ? home : this.#services.get(first);
    if (service === null || service === undefined) {
      this.#unknown(first, path, second === undefined ? home : null, key);
      return null;
    }
    const version = ownVersion ? first : (second ?? '');
    const versions = service.versions.map(one => one.name).filter(name => name !== '');
    if (version !== '' && !versions.includes(version)) {
      this.#report.error(path, {
        code: 'unknown-version',
        key,
        message: `\`${service.name}\` has no version \`${version}\``,
        hint: suggest(version, versions) || `\`${service.name}\` has no versions`,
      });
      return null;
    }
    const port = this.#port(service, portText === undefined ? null : Number(portText), home, path, key);
    return port === undefined ? null : { service: service.name, version, port };
  }

  #port(
    service: ServiceConfig,
    port: number | null,
    home: ServiceConfig | null,
    path: YamlPath,
    key: boolean,
  ): number | null | undefined {
    const ports = service.ports.map(one => one.port);
    if (port !== null) {
      if (ports.length === 0 || ports.includes(port)) return port;
      const hint = `its ports: ${ports.join(', ')}`;
      this.#report.error(path, { code: 'unknown-port', key, message: `\`${service.name}\` has no port ${port}`, hint });
      return undefined;
    }
    if (ports.length === 0) {
      const hint = `write \`services: {${service.name}: {port: 8080}}\`; the EXPOSE of its image is taken when it is there`;
      this.#report.warning(path, {
        code: 'port-unknown',
        key,
        message: `nothing says which port \`${service.name}\` listens on`,
        hint,
      });
      return null;
    }
    // Inside the mesh the caller's own port is kept; a service that has all of `home`'s takes each on the same.
    const sameAsDialled = home?.ports.every(one => ports.includes(one.port)) === true;
    if (home !== null && (sameAsDialled || ports.length === 1)) return null;
    if (ports.length === 1) return ports[0] ?? null;
    const message = `\`${service.name}\` has several ports: ${ports.join(', ')}`;
    this.#report.error(path, { code: 'ambiguous-port', key, message, hint: `say which: \`${service.name}:${ports[0]}\`` });
    return undefined;
  }

  /** `home`: one of its versions may be meant. */
  #unknown(name: string, path: YamlPath, home: ServiceConfig | null, key: boolean, others: readonly string[] = []): void {
    const code = 'unknown-service';
    if (this.#absent.broken.has(name)) return;
    if (this.#absent.inactive.includes(name)) {
      const message = `\`${name}\` is in a compose profile that is not enabled`;
      this.#report.error(path, { code, key, message, hint: 'enable it with `--profile`, or remove this line' });
      return;
    }
    const versions = home?.versions.map(version => version.name).filter(version => version !== '') ?? [];
    const hint = suggest(name, [...versions, ...this.#services.keys(), ...others]);
    if (versions.length === 0) this.#report.error(path, { code, key, message: `${shown(name)} is not known`, hint });
    else {
      const message = `${shown(name)} is neither a version of \`${home?.name}\` nor a service`;
      this.#report.error(path, { code: 'unknown-version', key, message, hint });
    }
  }
}
