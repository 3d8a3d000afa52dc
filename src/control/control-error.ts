/** Why the control plane could not do what was asked. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  /** `rejected`: the sidecar refused its snapshot. `protocol`: the other side is no sidecar of ours. */
  readonly code: 'unknown-workload' | 'not-connected' | 'timeout' | 'rejected' | 'protocol' | 'closed';

  constructor(code: ControlError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
