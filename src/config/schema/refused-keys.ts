import type { YamlPath } from '../yaml-node.ts';

/** Fields people write that the mesh refuses on purpose, with what to do instead. */
const refused: ReadonlyMap<string, string> = new Map([
  ['identity', 'an identity is made from the service name; a service cannot choose the identity of another one'],
  ['sidecar', 'the proxy of a service cannot be replaced; the base image for all of them is `proxy.image`'],
  ['network', 'the mesh makes the network; the host network would bypass it'],
  ['env', "compose's name is `environment`"],
  ['envFile', "compose's name is `env_file`"],
  ['dependsOn', "compose's name is `depends_on`"],
  ['workingDir', "compose's name is `working_dir`"],
  ['policies', 'access rules are written under `access`'],
  ['traffic', 'traffic rules are written under `routes`, by service'],
  ['pathRegex', '`paths` takes `/a`, `/a/*` and `*.css`'],
]);

/** Of a Kubernetes manifest, which Istio's are too. */
const manifestKeys = new Set(['apiVersion', 'kind', 'metadata', 'spec']);
/** Fields of a rule that people look for at the service. */
const ruleKeys = new Set(['match', 'retries', 'split', 'timeout', 'to']);
/** Other meshes' words in a rule. */
const ruleWords: ReadonlyMap<string, string> = new Map([
  ...['dest', 'destination', 'backend', 'backendRefs', 'service', 'route'].map((word): [string, string] => [
    word,
    'where requests go is `to: web/v1`, or `split: {web/v1: 90, web/v2: 10}`',
  ]),
  ...['weight', 'weights', 'subset'].map((word): [string, string] => [word, 'shares are written `split: {v1: 90, v2: 10}`']),
  ['retry', 'the field is `retries`'],
  ['budget', 'retries are bounded for a service: `services: {<name>: {limits: {retryBudget: {percent: 20%}}}}`'],
  ['uri', 'the field is `path`'],
  ['authority', 'the field is `host`, in a match `hosts`'],
  ['withoutHeaders', 'write `headers: {x: {not: …}}`'],
  ['queryParams', 'the field is `query`'],
  ['directResponse', 'the field is `respond`'],
  ['corsPolicy', 'the field is `cors`'],
  ['perTryTimeout', 'the field is `perTry`'],
  ['retryOn', 'the field is `on`'],
  ['httpStatus', 'write `abort: 503`'],
  ['fixedDelay', 'write `delay: 2s`'],
  ['percentage', 'the field is `percent`, `10%`'],
]);

/** What to do instead of the unknown field at `path`; `null` where nothing special is known of it. */
export function refusal(path: YamlPath): string | null {
  const name = String(path.at(-1));
  const [section, owner] = path;
  if (path.length === 1 && manifestKeys.has(name))
    return 'this is a Kubernetes or Istio manifest; mesh.yaml has a form of its own, which `mesh init` shows';
  if (section === 'services' && path.length === 3 && ruleKeys.has(name))
    return `rules are written under \`routes: {${String(owner)}: [{${name}: …}]}\``;
  const inRule = section === 'routes' || (section === 'gateways' && path[2] === 'routes');
  return (inRule ? ruleWords.get(name) : undefined) ?? refused.get(name) ?? null;
}
