/** Who may do what, for each kind of case. */
import type { AccessRuleDocument, MeshDocument } from '../../../src/interop/mesh-document.ts';
import type { BypassCase } from './corpus.ts';

const web = 'spiffe://mesh.local/ns/default/sa/web';
const publicForWeb: AccessRuleDocument = { name: 'public', principals: [web], methods: ['GET'], paths: ['/public/*'] };
const base: MeshDocument & { readonly proxy: object } = { mtls: 'strict', proxy: { accessLog: 'json' } };
const policy = (...rules: readonly AccessRuleDocument[]) => ({ ...base, access: { default: 'deny' as const, rules } });

/** The policies that cases ask for. */
export const policies = {
  base: policy(publicForWeb),
  hosts: policy({ ...publicForWeb, hosts: ['app.mesh'] }),
  role: policy(publicForWeb, { name: 'no admins', action: 'deny', headers: { 'x-role': ['*admin', 'admin*'] } }),
  permissive: { ...policy(publicForWeb), mtls: 'permissive' as const },
  grpc: policy({ name: 'other method', principals: [web], methods: ['POST'], paths: ['/pkg.Service/Other'] }),
  nobody: { ...base, access: { default: 'deny' as const } },
};

/** Which of them. */
export function policyOf({ name, request, policyExtra }: BypassCase): keyof typeof policies {
  if (name === 'path-absolute-other-host' || policyExtra?.includes('hosts: [app.mesh]') === true) return 'hosts';
  if (request.policyExtra !== undefined) return 'role';
  if (request.mode === 'PERMISSIVE') return 'permissive';
  return name === 'seq-grpc-path' ? 'grpc' : 'base';
}
