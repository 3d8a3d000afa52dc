/**
 * Real compose files, each to a golden: what the mesh makes of it, and what it says. `UPDATE_GOLDENS=1` writes them anew.
 * Fields of a container that have their default are left out; `service.test.ts` holds the defaults.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { ComposeLoad, SourceService } from '../../../src/config/service-source.ts';
import { readFromDisk } from '../../../src/interop/compose/file-store.ts';
import { composeLoader } from '../../../src/interop/compose/load-compose.ts';
import { emptyOverlay, loadText } from './load-text.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const shared = resolve(root, '../shared');
const inputs = join(shared, 'compose');
const goldens = join(root, 'test/golden/compose');

interface Case {
  readonly file: string;
  /** Set where one file is loaded in more than one way. */
  readonly variant: string;
  readonly env: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
}

const ftgo = {
  EVENTUATE_COMMON_VERSION: '0.15.0',
  EVENTUATE_CDC_VERSION: '0.13.0',
  EVENTUATE_JAVA_BASE_IMAGE_VERSION: 'BUILD-15',
  EVENTUATE_MESSAGING_KAFKA_IMAGE_VERSION: '0.15.0',
  EVENTUATE_SAGA_VERSION: '0.20.0',
};

/** What the projects bring beside their compose file: variables that they ask for, and another way to start them. */
const variants: readonly Case[] = [
  { file: 'ftgo-application.yaml', variant: 'with-variables', env: ftgo, profiles: [] },
  { file: 'kong.yaml', variant: 'database', env: {}, profiles: ['database'] },
  { file: 'boulder.yaml', variant: 'setup', env: { BOULDER_TOOLS_TAG: 'go1.26' }, profiles: ['setup'] },
];

/** Env files of these projects, which do not lie beside the files here. */
const envFiles: Readonly<Record<string, string>> = {
  'env/netbox.env': "DB_HOST=postgres\nDB_NAME=netbox\n# comment\nSECRET_KEY='a$b#c=d'\n",
  'env/postgres.env': 'POSTGRES_DB=netbox\nPOSTGRES_USER=netbox\n',
  'env/redis.env': 'REDIS_PASSWORD="with space"\n',
  'env/redis-cache.env': 'export REDIS_PASSWORD=cache # comment\n',
};

const readText = (path: string) => {
  const name = path.startsWith(`${inputs}/`) ? path.slice(inputs.length + 1) : path;
  return envFiles[name] ?? readFromDisk(path);
};

let defaults: Record<string, unknown>;

describe('real compose files load', () => {
  before(async () => {
    const { services } = await loadText('services: {plain: {image: x}}');
    defaults = { ...services[0]?.container };
  });

  if (!existsSync(inputs)) {
    test('the shared compose files are there', () =>
      assert.fail(`${inputs} is missing: the shared cases belong beside the repository`));
    return;
  }
  const files = readdirSync(inputs).filter(file => file.endsWith('.yaml'));
  const cases: readonly Case[] = [...files.map(file => ({ file, variant: '', env: {}, profiles: [] })), ...variants];

  for (const one of cases) {
    const name = `${basename(one.file, '.yaml')}${one.variant === '' ? '' : `.${one.variant}`}`;
    test(name, async () => {
      const loaded = await composeLoader(readText)({
        files: [join(inputs, one.file)],
        overlay: emptyOverlay(inputs),
        env: { HOME: '/home/someone', ...one.env },
        profiles: one.profiles,
        project: null,
      });
      const written = `${JSON.stringify(golden(loaded), null, 2).replaceAll(shared, '<shared>')}\n`;
      const path = join(goldens, `${name}.json`);
      if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, written);
      assert.ok(existsSync(path), `${path} is missing; UPDATE_GOLDENS=1 writes it`);
      assert.deepEqual(written.split('\n'), readFileSync(path, 'utf8').split('\n'));
    });
  }

  test('all 16 are there', () => assert.equal(files.length, 16));

  test('no golden is left over from a case that is gone', () => {
    const expected = cases.map(one => `${basename(one.file, '.yaml')}${one.variant === '' ? '' : `.${one.variant}`}.json`);
    assert.deepEqual(readdirSync(goldens).sort(), expected.sort());
  });
});

function golden(loaded: ComposeLoad): unknown {
  return {
    name: loaded.name,
    services: Object.fromEntries(loaded.services.map(service => [service.name, shortService(service)])),
    inactive: loaded.inactive,
    volumes: loaded.volumes,
    secrets: loaded.secrets,
    files: loaded.files,
    diagnostics: loaded.diagnostics.map(
      found => `${found.severity} ${found.line}:${found.column} ${found.path} [${found.code}] ${found.message}. ${found.hint}`,
    ),
  };
}

function shortService({ name: _, container, positions: __, mountPlaces: ___, path, at, ...service }: SourceService): unknown {
  return {
    at: `${at.line}:${at.column} ${path}`,
    ...service,
    dependsOn: service.dependsOn.map(one => `${one.service} ${one.condition}${one.required ? '' : ' (optional)'}`),
    container: Object.fromEntries(Object.entries(container).filter(([key, value]) => !isDeepStrictEqual(value, defaults[key]))),
  };
}
