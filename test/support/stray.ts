import Docker from 'dockerode';

/** A container that is not of the mesh: somebody's shell on the same bridge network. */
export interface StrayOptions {
  readonly image: string;
  readonly command: readonly string[];
  /** Name of an engine network, or `host`. */
  readonly network: string;
  readonly capAdd?: readonly string[];
  /** `host`: sees, and as root may kill, every process of the engine's machine. */
  readonly pid?: 'host';
}

export interface StrayResult {
  readonly code: number;
  readonly output: string;
}

/** Runs a command in a container outside the mesh to its end; the container is removed. Output: stdout and stderr together. */
export async function stray(options: StrayOptions): Promise<StrayResult> {
  const docker = new Docker();
  const container = await docker.createContainer({
    Image: options.image,
    Cmd: [...options.command],
    Tty: true,
    HostConfig: { NetworkMode: options.network, CapAdd: [...(options.capAdd ?? [])], PidMode: options.pid ?? '' },
  });
  try {
    await container.start();
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    const output = (await container.logs({ stdout: true, stderr: true })) as unknown as Buffer;
    return { code: StatusCode, output: output.toString('utf8') };
  } finally {
    await container.remove({ force: true });
  }
}
