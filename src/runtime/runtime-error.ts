/**
 * What can go wrong between the mesh and the engine, each with words that tell the user what to do.
 * Everything that `Runtime` rejects with is one of these (or the reason of an aborted signal).
 */
export type RuntimeErrorCode =
  | 'engine-unreachable'
  | 'engine-too-old'
  | 'engine-error'
  | 'image-missing'
  | 'pull-failed'
  | 'build-failed'
  | 'port-taken'
  | 'reserved-user'
  | 'name-taken'
  | 'project-taken'
  | 'volume-missing'
  | 'secret-missing'
  | 'dependency-failed'
  | 'container-failed'
  | 'sidecar-image'
  | 'no-such-workload';

/** A failure of the runtime; `message` is a sentence for the user, `hint` what to do about it (may be empty). */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  readonly code: RuntimeErrorCode;
  readonly hint: string;

  constructor(code: RuntimeErrorCode, message: string, hint = '', options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}

/** No engine answered. `tried`: every place looked at with what came back, in order. */
export class EngineUnreachable extends RuntimeError {
  readonly tried: readonly string[];
  constructor(tried: readonly string[], options?: ErrorOptions) {
    super(
      'engine-unreachable',
      `No Docker engine answers. Tried:\n${tried.map(line => `  - ${line}`).join('\n')}`,
      'Start Docker (Docker Desktop, or `systemctl start docker`), or set DOCKER_HOST.',
      options,
    );
    this.tried = tried;
  }
}

/** The engine speaks an API older than the one pods need. */
export class EngineTooOld extends RuntimeError {
  constructor(found: string, needed: string) {
    super(
      'engine-too-old',
      `The Docker engine speaks API ${found}; localmesh needs ${needed} (Docker 20.10) or newer.`,
      'Update Docker.',
    );
  }
}

/** The engine has no such image and nothing was allowed to fetch it. */
export class ImageMissing extends RuntimeError {
  readonly image: string;
  constructor(image: string, hint = `Run \`docker pull ${image}\`, give the service a \`build\`, or correct its \`image\`.`) {
    super('image-missing', `There is no image ${image} on this machine.`, hint);
    this.image = image;
  }
}

/** The image's own user is the sidecar's, whose connections are not intercepted. */
export class ReservedUser extends RuntimeError {
  constructor(image: string) {
    super(
      'reserved-user',
      `Image ${image} runs as user 1337, the sidecar's own: its connections would leave the mesh.`,
      'Give the service another `user`, such as 1000.',
    );
  }
}

/** A host port is in use. `owner`: container or process, empty where it cannot be told. */
export class PortTaken extends RuntimeError {
  readonly port: number;
  readonly owner: string;
  constructor(address: string, port: number, owner: string, wantedBy: string) {
    super(
      'port-taken',
      `Port ${port} on ${address} is taken${owner === '' ? '' : ` by ${owner}`}${wantedBy === '' ? '' : `; ${wantedBy} needs it`}.`,
      'Stop the other one, or choose another port.',
    );
    this.port = port;
    this.owner = owner;
  }
}

/** A container ended or did not start. `logTail`: its last lines, oldest first. */
export class ContainerFailed extends RuntimeError {
  readonly container: string;
  readonly exitCode: number | null;
  readonly logTail: readonly string[];
  constructor(container: string, what: string, exitCode: number | null, logTail: readonly string[]) {
    const tail =
      logTail.length === 0 ? ' It printed nothing.' : `\nIts last lines:\n${logTail.map(line => `  ${line}`).join('\n')}`;
    super('container-failed', `${container} ${what}.${tail}`);
    this.container = container;
    this.exitCode = exitCode;
    this.logTail = logTail;
  }
}
