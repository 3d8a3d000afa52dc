import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';

const composeNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

/** `mesh init`: a mesh.yaml that works as it is, on the compose file beside it where there is one. */
export async function run(
  { project, output }: Invocation,
  _args: readonly string[],
  options: { readonly force?: boolean },
): Promise<number> {
  const { dir, file } = project;
  const compose = composeNames.find(name => existsSync(join(dir, name))) ?? null;
  try {
    await writeFile(file, template(basename(dir), compose, schemaPath()), { flag: options.force ? 'w' : 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    throw new MeshError('file-exists', `${relative(process.cwd(), file) || file} exists already`, '--force overwrites it');
  }
  output.note(`wrote ${relative(process.cwd(), file) || file}${compose === null ? '' : `, services come from ${compose}`}`);
  output.note(compose === null ? 'next: put in your services, then `mesh up`' : 'next: `mesh validate`, then `mesh up`');
  return exitCodes.ok;
}

function schemaPath(): string | null {
  const path = fileURLToPath(new URL('../../../schema/mesh.schema.json', import.meta.url));
  return existsSync(path) ? path : null;
}

/** Its rules alone decide about calls from outside, so the examples of versions stand here. */
const gateway = [
  'gateways:',
  '  main:   # http://127.0.0.1:8080',
  '    port: 8080',
  '    routes:',
  '      # - {match: {headers: {end-user: jason}}, to: web/v2}',
  '      # - split: {web/v1: 90, web/v2: 10}   # then without the line below',
  '      - {to: web}',
];

function template(folder: string, compose: string | null, schema: string | null): string {
  const name =
    folder
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 40) || 'shop';
  const modeline = schema === null ? [] : [`# yaml-language-server: $schema=${schema}`];
  const services =
    compose === null
      ? ['services:', '  web:', '    image: nginx:alpine', '    port: 80']
      : [`compose: ${compose}   # services come from here; what stands below adds to them`, '# services:', '#   web: {port: 80}'];
  return `${[
    ...modeline,
    `name: ${name}`,
    ...services,
    ...(compose === null ? gateway : gateway.map(line => `# ${line}`)),
    '# routes:   # calls from one service to another, by the service that is called',
    '#   api:',
    '#     - {match: {headers: {end-user: jason}}, to: v2}',
    '#     - split: {v1: 90, v2: 10}',
    '#       timeout: 2s',
  ].join('\n')}\n`;
}
