/** Documents of `mesh access`: who may call whom, and who does. */

import type { Judgement } from '../snapshot/judgement.ts';

/** One caller at one port: `GET /v1/access`. */
export interface AccessCellStatus {
  /** Service or gateway; `null`: whoever comes without an identity. */
  readonly from: string | null;
  readonly to: string;
  readonly port: number;
  /** `depends`: on what only a request tells. */
  readonly verdict: 'allowed' | 'denied' | 'depends';
  /** Rules that decide, or may. */
  readonly rules: readonly string[];
}

/** Who may call whom. */
export interface AccessMatrixDocument {
  readonly apiVersion: 1;
  readonly kind: 'AccessMatrix';
  readonly callers: readonly (string | null)[];
  readonly services: readonly string[];
  readonly cells: readonly AccessCellStatus[];
}

/** Calls of one kind that were seen. */
export interface SeenCall {
  /** Service or gateway, a SPIFFE ID of somebody else, or `null`: without identity. */
  readonly from: string | null;
  readonly to: string;
  readonly port: number;
  /** The empty string: raw TCP. */
  readonly method: string;
  /** Template with `{*}` for what looks like an id. */
  readonly path: string;
  /** Whether the rules in force let them through. */
  readonly allowed: boolean;
  readonly calls: number;
}

/** A line of `GET /v1/access/calls?forMs=60000`: all that was seen since the watch began. It ends by itself when nobody has asked for half a minute. */
export interface SeenCallsDocument {
  readonly apiVersion: 1;
  readonly kind: 'SeenCalls';
  /** A sidecar saw more kinds of calls than it keeps. */
  readonly more: boolean;
  /** Workloads whose sidecar could not be asked. */
  readonly unasked: readonly string[];
  readonly calls: readonly SeenCall[];
}

/** What the sidecar of one that would be called says. */
export interface AccessJudgement extends Judgement {
  readonly workload: string;
  readonly service: string;
  readonly port: number;
  /** 0 to 1: how often requests like this one go there. */
  readonly odds: number;
}

/** The answer of `mesh access check`. */
export interface AccessCheckDocument {
  readonly apiVersion: 1;
  readonly kind: 'AccessCheck';
  readonly from: string;
  /** SPIFFE ID of the caller; `null`: without identity. */
  readonly principal: string | null;
  /** Why nobody is asked (the caller's own rules answer, or there is no such name); empty otherwise. */
  readonly note: string;
  /** One of each service and version that the request may go to. */
  readonly destinations: readonly AccessJudgement[];
}
