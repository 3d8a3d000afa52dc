import type { CaDocument, PersonCertificate, PersonRequest, RotationBlocker, RotationStep } from '../api/ca.ts';
import { MeshError } from '../api/mesh-error.ts';
import { apiVersion } from '../api/types.ts';
import type { Clock } from '../async/clock.ts';
import type { ControlPlane } from '../control/control-plane.ts';
import { personId } from '../identity/spiffe-id.ts';
import type { Authority } from '../pki/authority.ts';
import { PkiError } from '../pki/pki-error.ts';

/** What the daemon needs of the CA. */
export interface CaPort {
  document(): CaDocument;
  /** Begins to change the root, or joins a change under way; ends with it or with the signal, which does not end the change. @throws MeshError `pki` */
  rotate(signal: AbortSignal): AsyncIterable<RotationStep>;
  /** @throws MeshError `bad-person` */
  issuePerson(request: PersonRequest): Promise<PersonCertificate>;
}

/** Whoever waits for a change is told whom it waits for this often. */
const lookMs = 1000;

/** The CA of the control plane as the API shows it. */
export function createCaLink(authority: Authority, plane: ControlPlane, clock: Clock): CaPort {
  const { identities } = plane;
  return {
    document: () => ({
      apiVersion,
      kind: 'Ca',
      trustDomain: authority.trustDomain,
      now: iso(clock.now()),
      svidTtlMs: identities.issuer.ttlMs,
      roots: authority.roots.map(({ role, fingerprint, notBeforeMs, expiresAtMs }) => ({
        role,
        fingerprint,
        notBefore: iso(notBeforeMs),
        expiresAt: iso(expiresAtMs),
      })),
      rotation: identities.rotation.underWay
        ? { phase: authority.phase === 'stable' ? 'retired' : authority.phase, waitingFor: identities.rotation.blockers }
        : null,
      svids: plane.status().map(({ workload, svidExpiresAtMs, svidLate, svidProblem }) => {
        const svid = identities.svidOf(workload);
        return {
          workload,
          spiffeId: plane.snapshot(workload)?.identity ?? '',
          serialNumber: svid?.serialNumber ?? null,
          root: svid?.root ?? null,
          since: svid === null ? null : iso(svid.sinceMs),
          expiresAt: svidExpiresAtMs === null ? null : iso(svidExpiresAtMs),
          late: svidLate,
          problem: svidProblem ?? '',
        };
      }),
    }),

    rotate: signal => follow(plane, clock, signal),

    async issuePerson({ name, csrPem, ttlMs }) {
      try {
        const issued = await authority.issue(csrPem, personId(authority.trustDomain, name), ttlMs);
        const { spiffeId, serialNumber, expiresAtMs, chainPem } = issued;
        const expiresAt = iso(expiresAtMs);
        const { bundlePem } = authority;
        return { apiVersion, kind: 'PersonCertificate', spiffeId, serialNumber, expiresAt, chainPem, bundlePem };
      } catch (error) {
        throw error instanceof PkiError ? new MeshError('bad-person', error.message) : error;
      }
    },
  };
}

async function* follow(plane: ControlPlane, clock: Clock, signal: AbortSignal): AsyncGenerator<RotationStep, void, void> {
  const { rotation } = plane.identities;
  const steps: RotationStep[] = [];
  let news = Promise.withResolvers<void>();
  const tell = (step: RotationStep): void => {
    steps.push(step);
    news.resolve();
  };
  let before: ReadonlySet<string> = new Set();
  let told = '[]';
  const look = (): void => {
    const blockers: readonly RotationBlocker[] = rotation.blockers;
    // Every sidecar is away for a moment while it changes: only what lasts is told.
    const waitingFor = blockers.filter(one => before.has(JSON.stringify(one)));
    before = new Set(blockers.map(one => JSON.stringify(one)));
    const text = JSON.stringify(waitingFor);
    if (rotation.underWay && waitingFor.length > 0 && text !== told) tell({ text: '', waitingFor });
    told = text;
    cancel = clock.after(lookMs, look);
  };
  let cancel = clock.after(lookMs, look);
  const stop = plane.on(event => {
    if (event.kind === 'roots') tell({ text: event.text, waitingFor: [] });
    if (event.kind === 'rotation-failed') tell({ text: `cannot be stored: ${event.reason}`, waitingFor: [] });
  });
  const onAbort = (): void => news.resolve();
  signal.addEventListener('abort', onAbort);
  let over: { readonly error: unknown } | null = null;
  rotation
    .start()
    .then(
      () => null,
      (error: unknown) => error,
    )
    .then(error => {
      over = { error };
      news.resolve();
    });
  try {
    while (!signal.aborted) {
      yield* steps.splice(0);
      const end = over as { readonly error: unknown } | null;
      if (end !== null && steps.length === 0) {
        if (end.error !== null) throw end.error instanceof PkiError ? new MeshError('pki', end.error.message) : end.error;
        return;
      }
      await news.promise;
      news = Promise.withResolvers();
    }
  } finally {
    cancel();
    stop();
    signal.removeEventListener('abort', onAbort);
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
