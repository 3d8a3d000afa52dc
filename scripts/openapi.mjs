// Writes schema/openapi.json: the admin API as src/api/operations.ts says it, in OpenAPI 3.1.
//
//   node scripts/openapi.mjs
//
// The compiler that checks the types tells what they are. (Its API is called unstable: its next version may ask for changes here. Generators
// off the shelf bring a compiler of their own, two versions older.)
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { API } from 'typescript/unstable/sync';
import { JsonSchemas } from './json-schemas.mjs';
import { root } from './pinned-node.mjs';

/** Where the document lies. */
export const openapiFile = join(root, 'schema/openapi.json');

const anyError = {
  description: 'What can happen to every request.',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorDocument' } } },
};
const tcpOnly = 'Only over TCP.';

/** The document, as an object. */
export function openapi() {
  const compiler = new API({ cwd: root });
  try {
    const [{ checker, program }] = compiler.updateSnapshot({ openProject: join(root, 'tsconfig.json') }).getProjects();
    const typeOf = (path, name) => {
      const exports = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(join(root, path))));
      return checker.getDeclaredTypeOfSymbol(exports.find(symbol => symbol.name === name));
    };
    const schemas = new JsonSchemas(checker);
    schemas.of(typeOf('src/api/types.ts', 'ErrorDocument'));
    const paths = {};
    for (const list of ['Operations', 'WebOperations'])
      for (const symbol of checker.getPropertiesOfType(typeOf('src/api/operations.ts', list))) {
        const [method, path] = symbol.name.split(' ');
        paths[path] ??= {};
        paths[path][method.toLowerCase()] = operation(symbol, checker, schemas, list === 'WebOperations');
      }
    return {
      ...frame(),
      paths,
      components: { securitySchemes, responses: { Error: anyError }, schemas: sorted(schemas.shared) },
    };
  } finally {
    compiler.close();
  }
}

const frame = () => ({
  openapi: '3.1.0',
  info: {
    title: 'localmesh admin API',
    version: '1',
    description: 'What the daemon of a mesh tells, and what it can be told. See docs/api.md.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [
    { url: 'http://mesh', description: 'Over the unix socket .mesh/run/daemon.sock; the name does not matter.' },
    {
      url: 'http://127.0.0.1:{port}',
      description: 'With --admin-port, or while the dashboard is open.',
      variables: { port: { default: '15080' } },
    },
  ],
  // Nothing over the unix socket.
  security: [{}, { token: [] }, { session: [], proof: [] }],
});

const securitySchemes = {
  token: { type: 'http', scheme: 'bearer', description: 'The text of .mesh/api-token.' },
  session: { type: 'apiKey', in: 'cookie', name: 'mesh_session_{port}', description: 'Set by POST /v1/session.' },
  proof: {
    type: 'apiKey',
    in: 'header',
    name: 'x-mesh-proof',
    description: 'Answered by POST /v1/session; goes with the cookie.',
  },
};

function operation(symbol, checker, schemas, isWeb) {
  const parts = new Map(
    checker.getPropertiesOfType(checker.getTypeOfSymbol(symbol)).map(each => [each.name, checker.getTypeOfSymbol(each)]),
  );
  const [, summary = '', rest = ''] = /^(.*?\.)(?: (.*))?$/s.exec(symbol.getDocumentationComment(checker)) ?? [];
  const description = [rest, isWeb ? tcpOnly : ''].filter(part => part !== '').join(' ');
  const parameters = ['path', 'query', 'header'].flatMap(place =>
    parts.has(place) ? schemas.properties(parts.get(place)).map(property => parameter(place, property)) : [],
  );
  return {
    operationId: parts.get('id').value,
    summary: summary.replace(/\.$/, ''),
    ...(description === '' ? {} : { description }),
    ...(parts.get('id').value === 'login' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(parts.has('body') ? { requestBody: { content: { 'application/json': { schema: schemas.of(parts.get('body')) } } } } : {}),
    responses: { 200: success(parts, schemas), ...failures(parts.get('errors')) },
  };
}

function parameter(place, { name, required, schema: { description, ...schema } }) {
  return { name, in: place, ...(description === undefined ? {} : { description }), required, schema };
}

function success(parts, schemas) {
  if (parts.has('text')) return { description: 'Text.', content: { 'text/plain': { schema: { type: 'string' } } } };
  if (parts.has('answer'))
    return { description: 'One document.', content: { 'application/json': { schema: schemas.of(parts.get('answer')) } } };
  const schema = schemas.of(parts.get('stream'));
  return {
    description:
      'Documents as they come, one a line; with `accept: text/event-stream` one an event. An `ErrorDocument` (`event: error`) is the last of a stream that failed.',
    content: { 'application/x-ndjson': { schema }, 'text/event-stream': { schema } },
  };
}

/** Codes that come with a status of their own; all others are 409. */
const statuses = { unauthorized: 401, 'too-many-scrapes': 503 };

function failures(codes) {
  const named = (codes === undefined ? [] : codes.isUnionType() ? codes.getTypes() : [codes]).map(type => type.value);
  const byStatus = Map.groupBy(named, code => statuses[code] ?? 409);
  const answers = [...byStatus].map(([status, list]) => [
    status,
    { ...anyError, description: list.map(code => `\`${code}\``).join(', ') },
  ]);
  return { ...Object.fromEntries(answers), default: { $ref: '#/components/responses/Error' } };
}

function sorted(record) {
  return Object.fromEntries(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(openapiFile, `${JSON.stringify(openapi(), null, 2)}\n`);
