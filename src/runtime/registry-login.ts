/** What `docker login` left: the engine itself knows no logins, every client sends its own with a pull. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** A login as the engine takes it. Secret: never logged. */
export type RegistryLogin =
  | { readonly username: string; readonly password: string; readonly serveraddress: string }
  | { readonly identitytoken: string; readonly serveraddress: string };

/** Docker Hub's name in the configuration file, for images without a registry in their name. */
const dockerHub = 'https://index.docker.io/v1/';

/** The registry that an image comes from, as the configuration file names it. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const named = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  return !named || first === 'docker.io' ? dockerHub : first;
}

/** The stored login for an image's registry; `null` when there is none (public images need none). */
export async function registryLogin(image: string, configDir: string): Promise<RegistryLogin | null> {
  const registry = registryOf(image);
  const config = await readConfig(join(configDir, 'config.json'));
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  if (helper !== undefined && helper !== '') return fromHelper(helper, registry);
  const stored = config.auths?.[registry]?.auth;
  if (stored === undefined || stored === '') return null;
  const plain = Buffer.from(stored, 'base64').toString();
  const colon = plain.indexOf(':');
  return colon < 0 ? null : { username: plain.slice(0, colon), password: plain.slice(colon + 1), serveraddress: registry };
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string }>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

async function readConfig(file: string): Promise<DockerConfig> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as DockerConfig;
  } catch {
    return {};
  }
}

/** Asks `docker-credential-<helper> get`: the registry on its input, JSON on its output. No login or no helper: `null`. */
async function fromHelper(helper: string, registry: string): Promise<RegistryLogin | null> {
  try {
    const child = spawn(`docker-credential-${helper}`, ['get'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const failed = new Promise<never>((_, reject) => child.on('error', reject));
    child.stdin.on('error', () => {}); // it ended without reading; its output tells
    child.stdin.end(registry);
    const answer = JSON.parse(await Promise.race([text(child.stdout), failed])) as { Username?: string; Secret?: string };
    if (answer.Username === undefined || answer.Secret === undefined) return null;
    return answer.Username === '<token>'
      ? { identitytoken: answer.Secret, serveraddress: registry }
      : { username: answer.Username, password: answer.Secret, serveraddress: registry };
  } catch {
    return null;
  }
}
