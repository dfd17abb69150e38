// SPDX-License-Identifier: Apache-2.0
import type { LeaseName } from '../config/lease-name.ts';
import type { AddressGroup } from '../ownership/engine.ts';
import type { ServiceProblem } from '../services/problem.ts';

/** What the control plane asks of ownership. */
export interface ControlPlaneClaim {
  /** Canonical text. */
  readonly addresses: readonly string[];
  readonly lease: LeaseName;
  /** This node could answer for them now: an API server of its own is there and works. */
  readonly isServable: boolean;
  /** Why not, where that is worth a word. */
  readonly problem: ServiceProblem | undefined;
}

/** Stands for the control plane where `namespace/name` stands for a Service. */
export const CONTROL_PLANE_KEY = 'control-plane';

/**
 * The groups with the addresses of the control plane as one more. Services that share one of them move along: two locks for one
 * address are how two nodes come to answer for it. Any node may have it as far as the API knows, and what keeps addresses
 * of Services away from a node (kubeadm excludes its control-plane nodes from load balancers) does not count: a node
 * without an API server says for itself that it cannot serve. Pure.
 */
export function withControlPlane(
  groups: readonly AddressGroup[],
  claim: ControlPlaneClaim | undefined,
): readonly AddressGroup[] {
  if (claim === undefined || claim.addresses.length === 0) return groups;
  const own = new Set(claim.addresses);
  const sharing = groups.filter(({ addresses }) => addresses.some((address) => own.has(address)));
  const joined: AddressGroup = {
    key: CONTROL_PLANE_KEY,
    services: sharing.flatMap(({ services }) => services),
    addresses: [...new Set([...claim.addresses, ...sharing.flatMap(({ addresses }) => addresses)])],
    candidates: 'any',
    lease: claim.lease,
  };
  return [joined, ...groups.filter((group) => !sharing.includes(group))];
}
