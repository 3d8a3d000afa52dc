/** The README promises only what is there: its commands exist, its links lead somewhere, its example is a valid mesh. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { build } from '../src/cli/main.ts';
import { mesh } from './support/mesh-command.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const examples = ['bookshop', 'observability'].map(name => `examples/compose/${name}/README.md`);
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...examples].concat(
  readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
);

/** Contents of fenced blocks in a language. */
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(match => match[1] ?? '');

describe('README', () => {
  test('every `mesh` command and option it names exists', () => {
    const commands = new Map(
      build().commands.flatMap(command => [command.name(), ...command.aliases()].map(name => [name, command] as const)),
    );
    const named = [...readme.matchAll(/\bmesh ([a-z][a-z-]*)((?: -{1,2}[a-z-]+)*)/g)].filter(match =>
      /^(`|\s|$)/.test(readme[(match.index ?? 0) - 1] ?? ''),
    );
    const wrong: string[] = [];
    let seen = 0;
    for (const [text, name = '', options = ''] of named) {
      // Prose: "a mesh on", "service mesh …"; commands stand in code.
      const command = commands.get(name);
      if (command === undefined) {
        if (readme.includes(`\`${text.trim()}`)) wrong.push(text);
        continue;
      }
      seen += 1;
      for (const option of options.trim().split(' ').filter(Boolean)) {
        if (!command.options.some(known => known.short === option || known.long === option)) wrong.push(`${name} ${option}`);
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(seen >= 6, `only ${seen} commands were recognised`);
  });

  test('every npm script it names exists', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm (?:run )?(demo|test|check|build)\b/g)].map(match => match[1] ?? '');
    assert.ok(named.includes('demo') && named.includes('test'));
    assert.deepEqual(
      named.filter(name => scripts[name] === undefined || !existsSync(join(root, scripts[name].replace('node ', '')))),
      [],
    );
  });

  test('its mesh.yaml is valid', async () => {
    const [example = ''] = blocks('yaml');
    assert.match(example, /^name: bookshop\n/);
    const dir = await mkdtemp(join(root, '.mesh-readme-'));
    try {
      await writeFile(join(dir, 'mesh.yaml'), example.replace('compose: ', 'compose: ../'));
      const { code, stdout, stderr } = await mesh(['validate'], dir);
      assert.equal(code, 0, `${stdout}${stderr}`);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});

test('the root mesh.yaml is valid', async () => {
  const { code, stdout, stderr } = await mesh(['validate'], root);
  assert.equal(code, 0, `${stdout}${stderr}`);
});

test('links between the pages lead to files', () => {
  const broken: string[] = [];
  for (const page of pages) {
    for (const [, target = ''] of readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:|^#/.test(target)) continue;
      if (!existsSync(join(root, dirname(page), target.replace(/#.*/, '')))) broken.push(`${page}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});
