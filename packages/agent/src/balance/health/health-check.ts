// SPDX-License-Identifier: Apache-2.0
/** How it is found out whether a back end is alive. Pure data: the same from annotations, from the control plane and from a file. */

/** One connection is made and closed again. */
export interface TcpProbe {
  readonly kind: 'tcp';
}

/** One GET over a connection of its own; only the status of the answer counts. */
export interface HttpProbe {
  readonly kind: 'http' | 'https';
  /** Begins with a slash; may have a query. */
  readonly path: string;
  /** Host header, and server name of TLS where there is none in `tls`; undefined: the address. */
  readonly host: string | undefined;
  /** Statuses that mean alive: pairs of first and last. */
  readonly statuses: readonly StatusRange[];
  /** How the certificate is checked; undefined: not at all, as pods have their own (the kubelet's probes do the same). */
  readonly tls?: ProbeTls;
}

/** First and last status, both included. */
export type StatusRange = readonly [first: number, last: number];

/** Whom an `https` probe trusts, and as whom it comes. All texts are PEM. */
export interface ProbeTls {
  readonly ca: string;
  /** Name that the certificate must have; undefined: the host, or else the address. */
  readonly serverName?: string;
  /** Client certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
}

/** What is sent. */
export type Probe = TcpProbe | HttpProbe;

/** A probe, how often it is sent, and how many outcomes it takes to change one's mind. */
export interface HealthCheck {
  readonly probe: Probe;
  /** Where to probe when it is not the port that connections go to. */
  readonly port: number | undefined;
  /** From the start of one probe to the start of the next. */
  readonly intervalMs: number;
  /** A probe that takes longer has failed. */
  readonly timeoutMs: number;
  /** Probes in a row that must succeed until a dead back end is used again. */
  readonly rise: number;
  /** Probes in a row that must fail until a living back end is left out. */
  readonly fall: number;
}

/**
 * Half a second or so until a back end that refuses connections is left out; 0.9 s at the worst for one that swallows them:
 * an interval with its jitter, two time limits and the short pause between them.
 */
export const DEFAULT_TIMING = { intervalMs: 250, timeoutMs: 250, rise: 2, fall: 2 } as const;

/** One thing to be probed. */
export interface HealthTarget {
  /** Chosen by who asks; what is known of a target is kept as long as one of this id is wanted, also when its check changes. */
  readonly id: string;
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  readonly check: Omit<HealthCheck, 'port'>;
  /** Default `full`. `sparing`: ten times less often, for what is only prepared for: enough to know the long dead ones when it is needed. */
  readonly pace?: 'full' | 'sparing';
}

/** What came of one probe, or of one real connection. */
export interface ProbeOutcome {
  readonly ok: boolean;
  /** For people: `connected`, `status 503`, `connection refused`, `no answer within 250 ms`. */
  readonly detail: string;
}
