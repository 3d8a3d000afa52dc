/** What the sidecar of one that would be called says of a call. */
interface Judged {
  readonly service: string;
  readonly port: number;
  readonly workload: string;
  /** 0 to 1: how often requests like this one go there. */
  readonly odds: number;
  readonly verdict: 'allowed' | 'denied' | 'asks';
  readonly reason: string;
}

/** `50% reviews:9080: denied, no rule allows it (judged by reviews-v1-1)` */
export function judgementText({ service, port, workload, odds, verdict, reason }: Judged): string {
  const share = odds === 1 ? '' : `${Math.round(odds * 1000) / 10}% `;
  return `${share}${service}:${port}: ${verdict === 'asks' ? 'depends' : verdict}, ${reason} (judged by ${workload})`;
}

/** `deny (dry run)` */
export function actionText({ action, dryRun }: { readonly action: string; readonly dryRun: boolean }): string {
  return dryRun ? `${action} (dry run)` : action;
}

/** `does not match: method POST` */
export function matchText({ matches, failed }: { readonly matches: boolean; readonly failed: string }): string {
  return matches ? 'matches' : `does not match: ${failed}`;
}
