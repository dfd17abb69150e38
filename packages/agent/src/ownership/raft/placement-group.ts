// SPDX-License-Identifier: Apache-2.0
import type { Candidates } from '../../services/served-service.ts';
import type { AvoidedNodes } from '../node-eligibility.ts';

/** Addresses that must be on one node, and where they can be. An `AddressGroup` is one. */
export interface PlacementGroup {
  readonly addresses: readonly string[];
  readonly candidates: Candidates;
  /** Candidates that get it only when no other can have it; see `Avoidance`. Absent: none. */
  readonly avoided?: AvoidedNodes;
}
