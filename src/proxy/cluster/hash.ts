/**
 * A stable 32-bit hash: the same text gives the same number at every sidecar and in every release, or sessions would move. FNV-1a with the last step of
 * MurmurHash3, without which texts that differ in their last character only would lie side by side on a ring.
 */
export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
