// SPDX-License-Identifier: Apache-2.0
import { type Registers, sampled } from '../manager/samples.ts';
import { redacted } from '../status/redact.ts';
import type { ApiServerState } from './api-servers.ts';

/** What this node knows of the control plane. */
export interface ControlPlaneView {
  /** Canonical text. */
  readonly addresses: readonly string[];
  /** This node may have them. */
  readonly isServable: boolean;
  /** By name of the node; empty where none is asked. */
  readonly apiServers: readonly ApiServerView[];
}

/** One API server as this node sees it. */
export interface ApiServerView {
  readonly node: string;
  readonly state: ApiServerState;
  /** Monotonic. */
  readonly sinceMs: number;
  /** What came of the newest question; empty: none yet. */
  readonly detail: string;
}

/** The same as part of `agent status --json`. */
export interface ControlPlaneReport {
  readonly addresses: readonly string[];
  readonly servable: boolean;
  readonly apiServers: readonly {
    readonly node: string;
    readonly state: ApiServerState;
    /** RFC 3339: since when. */
    readonly since: string;
    readonly detail: string;
  }[];
}

/** Field by field, as what is not named here never gets out. Pure. @param timeOf RFC 3339 of a moment on the monotonic clock */
export function controlPlaneReport(
  view: ControlPlaneView | undefined,
  timeOf: (atMs: number) => string,
): ControlPlaneReport | null {
  if (view === undefined) return null;
  return {
    addresses: [...view.addresses],
    servable: view.isServable,
    apiServers: view.apiServers.map(({ node, state, sinceMs, detail }) => ({
      node,
      state,
      since: timeOf(sinceMs),
      detail: redacted(detail),
    })),
  };
}

/** What this node finds of the API servers, for Prometheus. */
export function observeControlPlane(view: () => ControlPlaneView | undefined, registers: Registers): void {
  sampled(
    {
      name: 'fairlead_control_plane_servable',
      help: '1 where the address of the control plane may be, 0 where another node is better: its API server works, and not the one of this node.',
      labelNames: [],
    },
    registers,
    () => {
      const seen = view();
      // Nodes that only know the address ask nobody.
      return seen === undefined || seen.apiServers.length === 0 ? [] : [[{}, Number(seen.isServable)]];
    },
  );
  sampled(
    {
      name: 'fairlead_control_plane_api_server_up',
      help: '1 for an API server that answers this node that it is ready, 0 for one that does not. Without one: not known yet.',
      labelNames: ['node'],
    },
    registers,
    () =>
      (view()?.apiServers ?? []).flatMap(({ node, state }) =>
        state === 'unknown' ? [] : [[{ node }, Number(state === 'up')] as const],
      ),
  );
}
