// SPDX-License-Identifier: Apache-2.0
/**
 * What the user-space plane runs: listeners, each with its targets. Plain data that crosses to the thread of the plane
 * unchanged, made from Services ({@link file://./frontend-listeners.ts}) or from a configuration file
 * ({@link file://./entry-listeners.ts}).
 */
import type { Scheduler } from '../model/frontend.ts';

/**
 * How a listener treats what comes in.
 *
 * - `tcp`: bytes, both ways, with half-closed connections kept.
 * - `udp`: datagrams; those of one client address and port stay with one target.
 * - `http`: requests, each to a target of its own; targets may speak HTTPS.
 */
export type ProxyMode = 'tcp' | 'udp' | 'http';

/** Where connections are sent. */
export interface ProxyTarget {
  /** Unique within its listener: what statistics, health and affinity know it by. */
  readonly id: string;
  /** Address, or a name that the system resolves for each connection. */
  readonly host: string;
  readonly port: number;
  /** Share in proportion to the others, 0 to 65535; 0 gets nothing new. */
  readonly weight: number;
  /** Only with `http`: what the URL of the target says beyond host and port. */
  readonly http?: {
    readonly scheme: 'http' | 'https';
    /** Goes before the path of each request; without a slash at its end. */
    readonly basePath: string;
  };
}

/** Version of the PROXY protocol: 1 is a line of text, 2 is binary. */
export type ProxyProtocolVersion = 1 | 2;

/** Limits and times of a listener. Times are milliseconds. */
export interface ProxyOptions {
  /** A target that has not accepted a connection after this time has failed. */
  readonly connectTimeoutMs: number;
  /** Targets that are asked in turn for one connection or request before it fails; at least 1. */
  readonly attempts: number;
  /** `tcp`: connections over which nothing went for so long are closed; 0: never, TCP keep-alive finds those that are dead. */
  readonly idleTimeoutMs: number;
  /** `tcp`: the same for connections of which one side has said its last word. */
  readonly halfClosedTimeoutMs: number;
  /** `http`: the answer of a target must begin within this time. */
  readonly answerTimeoutMs: number;
  /** `udp`: flows over which nothing went for so long are forgotten. */
  readonly flowTimeoutMs: number;
  /** What runs over a target that is taken away may go on for so long; 0: until it ends. */
  readonly drainMs: number;
  /** Connections (`udp`: flows) of the listener at one time; one more is refused (`udp`: replaces the one longest silent). */
  readonly maxConnections: number;
  /** `tcp`, `http`: connections to each target at one time; those above wait in line; 0: no limit. */
  readonly maxPerTarget: number;
  /** `tcp`: whoever waited in line for so long is refused. */
  readonly queueTimeoutMs: number;
  /**
   * Tells targets of the client by this version of the PROXY protocol; undefined: not at all. With `udp` always version 2, before
   * each datagram; with `http` never: requests of many clients share a connection, and `X-Forwarded-For` names them.
   */
  readonly sendProxyProtocol: ProxyProtocolVersion | undefined;
  /** `tcp`, `http`: every connection begins with a header of the PROXY protocol, of either version, that names the client. */
  readonly acceptProxyProtocol: boolean;
  /** `http`: certificates of HTTPS targets are checked, against these authorities (PEM) or, without any, the well-known ones. */
  readonly verifyTargets: boolean;
  /** See {@link verifyTargets}. */
  readonly authorities: string | undefined;
}

/** What holds unless somebody says otherwise. */
export const DEFAULT_PROXY_OPTIONS: ProxyOptions = {
  connectTimeoutMs: 1_000,
  attempts: 3,
  idleTimeoutMs: 0,
  halfClosedTimeoutMs: 300_000,
  answerTimeoutMs: 60_000,
  flowTimeoutMs: 30_000,
  drainMs: 0,
  maxConnections: 16_384,
  maxPerTarget: 0,
  queueTimeoutMs: 5_000,
  sendProxyProtocol: undefined,
  acceptProxyProtocol: false,
  verifyTargets: true,
  authorities: undefined,
};

/** One port that is listened on, and where its connections go. */
export interface ProxyListener {
  /** Unique; a listener that keeps its id and its place keeps its connections and its turn when the rest changes. */
  readonly id: string;
  /** `namespace/name` of the Service, or the name that a configuration gives it: for metrics and the log. */
  readonly service: string;
  readonly mode: ProxyMode;
  /** May be one that is not on this host yet; undefined: every address of the host (`bindToVip: false`). */
  readonly address: string | undefined;
  readonly port: number;
  /** Empty: connections are reset at once. */
  readonly targets: readonly ProxyTarget[];
  readonly scheduler: Scheduler;
  /** A client stays with its target until it was away for so many seconds; undefined: it does not. */
  readonly affinitySeconds: number | undefined;
  readonly options: ProxyOptions;
}

/** Same port of the same address in the same mode: the socket can stay. */
export function samePlace(a: ProxyListener, b: ProxyListener): boolean {
  return a.mode === b.mode && a.address === b.address && a.port === b.port;
}
