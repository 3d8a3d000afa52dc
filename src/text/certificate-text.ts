/** What a part of a certificate's life that is over without a renewal means. `late`: in (0, 1]. */
export function lateText(late: number): string {
  return late >= 1 ? 'svid_expired' : `not renewed, ${Math.round(late * 100)} % of its life is over`;
}

/** How far a change of the root is. */
export const rotationPhases = {
  prepared: 'prepared: the next root is made and being trusted',
  activated: 'activated: the new root signs, certificates are being replaced',
  retired: 'retired: the old root is being forgotten',
} as const;
