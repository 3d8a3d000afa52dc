/** The answer of `POST /v1/dashboard`. */
export interface DashboardDocument {
  readonly apiVersion: 1;
  readonly kind: 'Dashboard';
  /** `http://127.0.0.1:15080` */
  readonly url: string;
  /** The same with a code that logs one page in, within a minute. A secret as long. */
  readonly loginUrl: string;
}
