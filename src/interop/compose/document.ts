import { dirname, resolve } from 'node:path';
import { parseEnvFile } from '../../config/env-file.ts';
import { describeProblem, interpolateNode, type Lookup } from '../../config/interpolate.ts';
import { parseYaml } from '../../config/parse.ts';
import type { Position, YamlMap, YamlNode } from '../../config/yaml-node.ts';
import { escapeLine } from '../../text/escape.ts';
import { at, type Cursor, entriesOf, isNull, itemsOf, mapNode } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import { resolveExtends } from './extends.ts';
import { type FileStore, nameOf } from './file-store.ts';
import { mergeDocuments, mergeTags } from './merge.ts';
import type { Report } from './report.ts';
import { readText, readTexts } from './scalar.ts';

/** An include that includes itself is found before this; deeper chains are a mistake. */
const MAX_INCLUDES = 20;
/** Files of one load, included or extended; each may bring more, so that few lines could ask for millions. */
const MAX_FILES = 200;
/** Sections of named things. */
const SECTIONS = ['services', 'networks', 'volumes', 'secrets', 'configs'];

/** Reads compose files into one document: variables replaced, `include` and `extends` followed, later files over earlier ones. */
export class DocumentReader {
  readonly #files: FileStore;
  readonly #report: Report;
  #parsed = 0;

  constructor(files: FileStore, report: Report) {
    this.#files = files;
    this.#report = report;
  }

  /** All files as one; relative paths in them start at `baseDir`, as compose has it for several `-f`. `null`: none could be read. */
  read(
    paths: readonly string[],
    baseDir: string,
    lookup: Lookup,
    from: Cursor | null,
    includedBy: readonly string[] = [],
  ): YamlMap | null {
    let merged: YamlMap | null = null;
    for (const path of paths) {
      const document = this.#readOne(path, baseDir, lookup, from, includedBy);
      if (document !== null) merged = merged === null ? document : mergeDocuments(merged, document);
    }
    return merged;
  }

  /** Variables of an env file that is used for `${VAR}`, below those that are already set. Silent where there is no such file. */
  variables(path: string, lookup: Lookup): Lookup {
    const text = this.#files.readSource(path, dirname(path));
    if (text === null) return lookup;
    const { values, diagnostics } = parseEnvFile(text, nameOf(path), lookup);
    this.#report.add(diagnostics);
    return name => lookup(name) ?? values.get(name) ?? undefined;
  }

  #readOne(path: string, baseDir: string, lookup: Lookup, from: Cursor | null, includedBy: readonly string[]): YamlMap | null {
    const root = this.#parse(path, baseDir, lookup, from);
    if (root === null) return null;
    const top = { node: root, path: '' };
    checkSections(top, this.#report);
    const opened = new Map<string, YamlMap | null>();
    const services = resolveExtends(root, {
      report: this.#report,
      open: (file, by) => {
        const target = resolve(this.#files.baseDirOf(by.node.at.file), file);
        // Paths of a service that comes from another file start at that file's folder.
        const known = opened.get(target);
        const document = known === undefined ? this.#parse(target, dirname(target), lookup, by) : known;
        opened.set(target, document);
        return document;
      },
    });
    const entries = new Map(root.entries);
    entries.delete('include');
    const known = root.entries.get('services');
    if (known !== undefined) entries.set('services', { ...known, value: services });
    return this.#withIncludes({ ...root, entries }, at(top, 'include'), lookup, [...includedBy, path]);
  }

  #withIncludes(document: YamlMap, include: Cursor | null, lookup: Lookup, includedBy: readonly string[]): YamlMap {
    let result = document;
    for (const item of include === null ? [] : itemsOf(include)) {
      const included = this.#include(item, lookup, includedBy);
      if (included === null) continue;
      this.#checkConflicts(document, included, item);
      result = mergeDocuments(included, result);
    }
    return result;
  }

  #include(item: Cursor, lookup: Lookup, includedBy: readonly string[]): YamlMap | null {
    const base = this.#files.baseDirOf(item.node.at.file);
    const long = item.node.kind === 'map';
    const fields = ['path', 'project_directory', 'env_file'];
    for (const { name, key } of entriesOf(item)) {
      if (!fields.includes(name))
        this.#report.error(key, 'unknown-field', `${key.path} is not a field of include`, didYouMean(name, fields));
    }
    const paths = readTexts(long ? at(item, 'path') : item, this.#report).map(path => resolve(base, path));
    const [first] = paths;
    if (first === undefined) {
      this.#report.error(item, 'compose-missing-field', `${item.path} names no file`, 'write the path of a compose file');
      return null;
    }
    if (paths.some(path => includedBy.includes(path)) || includedBy.length > MAX_INCLUDES) {
      this.#report.error(
        item,
        'compose-include-cycle',
        `${item.path} includes a file that includes this one`,
        'remove one of the two',
      );
      return null;
    }
    const directory = readText(at(item, 'project_directory'), this.#report);
    const baseDir = directory === null ? dirname(first) : resolve(base, directory);
    const envFiles = readTexts(at(item, 'env_file'), this.#report).map(path => resolve(base, path));
    // Of several env files the later wins, so it is asked first.
    const variables = (envFiles.length > 0 ? envFiles.toReversed() : [resolve(baseDir, '.env')]).reduce<Lookup>(
      (known, path) => this.variables(path, known),
      lookup,
    );
    const document = this.read(paths, baseDir, variables, item, includedBy);
    // The project's name is that of the file that includes.
    return document && { ...document, entries: new Map([...document.entries].filter(([name]) => name !== 'name')) };
  }

  #checkConflicts(document: YamlMap, included: YamlMap, item: Cursor): void {
    const own = document.entries.get('services')?.value;
    const theirs = included.entries.get('services')?.value;
    if (own?.kind !== 'map' || theirs?.kind !== 'map') return;
    for (const name of theirs.entries.keys()) {
      if (!own.entries.has(name)) continue;
      const hint = 'rename one of them, or change the included one in an override file';
      this.#report.error(
        item,
        'compose-include-conflict',
        `${item.path} brings the service \`${escapeLine(name)}\`, which this file defines too`,
        hint,
      );
    }
  }

  #parse(path: string, baseDir: string, lookup: Lookup, from: Cursor | null): YamlMap | null {
    const file = nameOf(path);
    if (++this.#parsed > MAX_FILES) {
      const first = from ?? { node: mapNode([], { file, line: 1, column: 1 }), path: '' };
      this.#report.error(
        first,
        'compose-too-many-files',
        `more than ${MAX_FILES} compose files are included or extended`,
        'include each file once',
      );
      return null;
    }
    const text = this.#files.readSource(path, baseDir);
    if (text === null) {
      const message = `the compose file \`${escapeLine(file)}\` does not exist or cannot be read`;
      if (from !== null)
        this.#report.error(from, 'compose-missing-file', message, 'correct the path; it starts at the folder of this file');
      else {
        const found = {
          code: 'compose-missing-file',
          severity: 'error',
          file,
          line: null,
          column: null,
          path: '',
          message,
        } as const;
        this.#report.add([{ ...found, hint: 'correct the path under compose' }]);
      }
      return null;
    }
    const { root, diagnostics } = parseYaml(text, file, { tags: mergeTags });
    this.#report.add(diagnostics);
    if (root === null && diagnostics.length > 0) return null;
    if (root === null || root.kind !== 'map') {
      const place = { file, line: root?.at.line ?? 1, column: root?.at.column ?? 1 };
      const cursor = { node: root ?? mapNode([], place), path: '' };
      const what = root === null ? 'is empty' : 'is not a map';
      this.#report.error(cursor, 'compose-not-a-document', `the compose file ${what}`, 'begin with services:');
      return null;
    }
    return this.#interpolate(root, lookup);
  }

  #interpolate(root: YamlMap, lookup: Lookup): YamlMap {
    let paths: ReadonlyMap<string, string> | null = null;
    const replaced = interpolateNode(root, lookup, (problem, position) => {
      paths ??= pathsByPlace(root);
      const cursor = { node: mapNode([], position), path: paths.get(placeKey(position)) ?? '' };
      const message = describeProblem(problem);
      if (problem.kind === 'unset') {
        const hint = `set it in the shell or in .env, or write \${${problem.name}:-default}`;
        this.#report.warnOnce(`variable ${problem.name}`, cursor, 'unset-variable', `${message}: taken as empty`, hint);
      } else if (problem.kind === 'required')
        this.#report.error(cursor, 'unset-variable', message, `set ${problem.name} in the shell or in .env`);
      else this.#report.error(cursor, 'bad-variable', message, 'write $$ for a dollar sign that is not a variable');
    });
    return replaced.kind === 'map' ? replaced : root;
  }
}

/** Everything at the top of a compose file that is a section of named things has to be a map. */
function checkSections(top: Cursor, report: Report): void {
  const known = [...SECTIONS, 'name', 'version', 'include', 'models'];
  for (const { name, key, value } of entriesOf(top)) {
    if (name === 'models')
      report.warnOnce('models', key, 'compose-key-ignored', 'models is ignored by the mesh', 'run the model as a service');
    else if (!known.includes(name) && !name.startsWith('x-')) {
      report.error(key, 'unknown-field', `${key.path} is not a section of a compose file`, didYouMean(name, known));
    } else if (SECTIONS.includes(name) && value.node.kind !== 'map' && !isNull(value)) report.expected(value, 'a map of names');
  }
}

/** Dotted paths of all single values by where they stand; of one that an alias repeats, the first. */
function pathsByPlace(root: YamlNode): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  const visit = ({ node, path }: Cursor): void => {
    if (node.kind === 'map') for (const { value } of entriesOf({ node, path })) visit(value);
    else if (node.kind === 'list') for (const item of itemsOf({ node, path })) visit(item);
    else if (!paths.has(placeKey(node.at))) paths.set(placeKey(node.at), path);
  };
  visit({ node: root, path: '' });
  return paths;
}

function placeKey({ line, column }: Position): string {
  return `${line}:${column}`;
}
