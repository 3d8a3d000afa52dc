/** Shape of access policies. What a sidecar does not understand is refused: an ignored condition would let through or refuse more. */
import { isIP } from 'node:net';
import type { AccessCondition, AccessFact, AccessPolicy, AccessRule } from './access-policy.ts';
import { headerName, name } from './forms.ts';
import { list, object, on, oneOf, optional, type Shape, SnapshotError, text } from './shape.ts';

/** Facts of which there are many: the condition says which one. */
const named: ReadonlySet<AccessFact> = new Set<AccessFact>(['header', 'query', 'claim']);

const addressBlock: Shape<string> = (value, path) => {
  const block = name(value, path);
  const [address = '', bits] = block.split('/');
  const version = isIP(address);
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 6 ? 128 : 32));
  if (version === 0 || !fits || block.split('/').length > 2)
    throw new SnapshotError(path, `expected an address or a block, found "${block}"`);
  return block;
};

/** A `*` stands at one end; what it would mean elsewhere is not defined. */
const pattern = text(/^(?:\*?[^*]*|[^*]*\*)$/, 'a value, prefix* or *suffix');
/** Paths: `{*}` and `{**}` too, but not both kinds of pattern at once. */
const pathPattern = text(
  /^(?:\*?(?:(?!\{\*{1,2}\})[^*])*|[^*]*\*|(?:\{\*{1,2}\}|[^*])*)$/,
  'a path, prefix*, *suffix or template',
);
const portNumber = text(/^[1-9]\d{0,4}$/, 'a port');

function valueShape(fact: AccessFact): Shape<string> {
  if (fact === 'ip' || fact === 'remote-ip' || fact === 'destination-ip') return addressBlock;
  if (fact === 'port') return portNumber;
  return fact === 'path' ? pathPattern : pattern;
}

const conditionFields = object<AccessCondition>({
  on: oneOf(
    'principal',
    'namespace',
    'account',
    'trust-domain',
    'ip',
    'remote-ip',
    'destination-ip',
    'port',
    'server-name',
    'method',
    'host',
    'path',
    'header',
    'query',
    'token-principal',
    'token-audience',
    'token-presenter',
    'claim',
  ),
  name: optional(list(name)),
  values: list(text()),
  not: optional(on),
});

const condition: Shape<AccessCondition> = (value, path) => {
  const given = conditionFields(value, path);
  const names = given.name?.length ?? 0;
  const wanted = !named.has(given.on) ? names === 0 : given.on === 'claim' ? names > 0 : names === 1;
  if (!wanted) throw new SnapshotError(`${path}.name`, `a condition on ${given.on} has ${names} names`);
  if (given.on === 'header') headerName(given.name?.[0], `${path}.name[0]`);
  if (given.values.length === 0) throw new SnapshotError(`${path}.values`, 'expected at least one value');
  list(valueShape(given.on))(given.values, `${path}.values`);
  return given;
};

const ruleFields = object<AccessRule>({
  name,
  action: oneOf('allow', 'deny', 'audit', 'custom'),
  dryRun: optional(on),
  authorizer: optional(name),
  conditions: list(condition),
});

const rule: Shape<AccessRule> = (value, path) => {
  const given = ruleFields(value, path);
  if ((given.action === 'custom') !== (given.authorizer !== undefined))
    throw new SnapshotError(`${path}.authorizer`, 'an authorizer is for a rule with action custom');
  return given;
};

/** Who may call what. */
export const accessPolicy: Shape<AccessPolicy> = object<AccessPolicy>({ default: oneOf('allow', 'deny'), rules: list(rule) });
