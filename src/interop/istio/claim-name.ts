/** Names of token claims, which Istio writes as `groups`, `realm.groups` or `[https://shop.test/realm][groups]`. */

/** The name as mesh.yaml writes it: dots between the parts, brackets around them where a part has dots itself. */
export function claimName(istio: string): string {
  const parts = istio.startsWith('[') ? istio.slice(1, istio.endsWith(']') ? -1 : undefined).split('][') : istio.split('.');
  return parts.some(part => part.includes('.')) ? `[${parts.join('][')}]` : parts.join('.');
}
