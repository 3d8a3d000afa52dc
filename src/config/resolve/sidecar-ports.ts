/** Where sidecars listen themselves. */
export const sidecarPorts: readonly number[] = [15001, 15006, 15012, 15020, 15021, 15053];
