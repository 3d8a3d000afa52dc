/** Fields people write that the mesh refuses on purpose, with what to do instead. */
export const refusedKeys: ReadonlyMap<string, string> = new Map([
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
