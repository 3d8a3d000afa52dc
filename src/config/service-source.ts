/**
 * The port through which `resolve` gets services: what compose files (and compose's own keys in mesh.yaml) come to.
 * `interop/compose` implements it; `config` never imports it (architecture: interop knows config, not the reverse).
 */
import type { Diagnostic } from './diagnostic.ts';
import type { ContainerConfig, DependencyConfig, SecretConfig, VolumeConfig } from './mesh-config.ts';
import type { Position, YamlMap } from './yaml-node.ts';

/** Loads compose files and mesh.yaml's own services by one converter. Never throws for bad input. */
export type ComposeLoader = (options: ComposeLoadOptions) => Promise<ComposeLoad>;

/** What compose files are read with. */
export interface ComposeLoadOptions {
  /** Compose files in order of precedence (later ones override earlier ones, compose's merge rules). Absolute. May be empty. */
  readonly files: readonly string[];
  /** What mesh.yaml says in compose's keys: merged on top, as a last compose file would be. */
  readonly overlay: ComposeOverlay;
  /** Variables for `${VAR}` in the compose files; a `.env` beside the first compose file fills what is missing. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly profiles: readonly string[];
  /** Project name if it is already decided (`-p`, or `name` in mesh.yaml), else `null`: the compose file's `name` or its folder. */
  readonly project: string | null;
}

/** The compose part of mesh.yaml. Variables are already replaced: do not interpolate again. Paths are relative to `baseDir`. */
export interface ComposeOverlay {
  /** Absolute folder of mesh.yaml. */
  readonly baseDir: string;
  readonly services: readonly OverlayService[];
  /** Top-level `volumes`, `secrets`, `networks`, `configs` of mesh.yaml; `null` where absent. */
  readonly volumes: YamlMap | null;
  readonly secrets: YamlMap | null;
  readonly networks: YamlMap | null;
  readonly configs: YamlMap | null;
}

/** A service (or an inline version of one) of mesh.yaml: adds to the compose service of that name, or is a new one. */
export interface OverlayService {
  readonly name: string;
  /** Dotted path in mesh.yaml for diagnostics: `services.web`, `services.reviews.versions.v1`. */
  readonly path: string;
  /** Only compose's keys are in here; mesh.yaml's own (port, versions, protocol, …) have been taken out. */
  readonly node: YamlMap;
}

/** Everything compose came to. With an error among the diagnostics the rest is as far as it could be read. */
export interface ComposeLoad {
  /** Sorted by name; services of inactive profiles left out. */
  readonly services: readonly SourceService[];
  /** Names of services that exist but belong to no active profile. */
  readonly inactive: readonly string[];
  /** `name:` of the compose file, or `null`. */
  readonly name: string | null;
  readonly volumes: readonly VolumeConfig[];
  readonly secrets: readonly SecretConfig[];
  readonly diagnostics: readonly Diagnostic[];
  /** Every file that was read (compose files, includes, extends, env files). Absolute. */
  readonly files: readonly string[];
  /** Text of each file that a diagnostic may point into, by the name that its diagnostics use. */
  readonly sources: ReadonlyMap<string, string>;
}

/** One compose service in canonical form. Privilege (docker socket, host mounts, privileged …) is judged by `resolve`, not here. */
export interface SourceService {
  readonly name: string;
  /** `dependsOn` is left empty: `resolve` turns compose names into mesh services and versions. */
  readonly container: ContainerConfig;
  /** TCP ports the app listens on, from `expose` and the container side of `ports`; unique, in the order written. */
  readonly ports: readonly SourcePort[];
  /** Network aliases, links' aliases, container_name, hostname. */
  readonly aliases: readonly string[];
  readonly dependsOn: readonly SourceDependency[];
  /** `scale` or `deploy.replicas`; `null` where not written. */
  readonly replicas: number | null;
  /** Where the service stands (its key), and its dotted path there. */
  readonly at: Position;
  readonly path: string;
  /** Positions of single keys for later diagnostics: `volumes[0]`, `privileged`, `depends_on` → where. Missing: `at`. */
  readonly positions: ReadonlyMap<string, Position>;
  /** Where each mount is written, by its target: an entry of `volumes`, `secrets` or `configs`. */
  readonly mountPlaces: ReadonlyMap<string, Place>;
  /** Files that its environment was read from. Absolute. */
  readonly envFiles?: readonly string[];
}

/** A place in a file, and its dotted path there. */
export interface Place {
  readonly at: Position;
  readonly path: string;
}

/** A port as compose tells it. */
export interface SourcePort {
  readonly port: number;
  /** `name` of compose's long form, or `''`. */
  readonly name: string;
  /** `app_protocol` of compose's long form, or `''`. */
  readonly appProtocol: string;
}

/** An entry of `depends_on`, with the name that compose uses. */
export interface SourceDependency {
  /** Compose service as written. */
  readonly service: string;
  readonly condition: DependencyConfig['condition'];
  readonly required: boolean;
  readonly at: Position;
  readonly path: string;
}
