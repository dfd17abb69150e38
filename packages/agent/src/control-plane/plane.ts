// SPDX-License-Identifier: Apache-2.0
import type { AgentSettings } from '../config/settings.ts';
import { needsPlane } from './frontends.ts';

/**
 * The data plane to run. Where Services have none (kube-proxy sends their connections on) and connections to the control plane are
 * to be spread, it is nftables: every kernel that the agent runs on has it, while IPVS may be missing. Pure.
 */
export function planeFor({
  balance,
  controlPlane,
}: Pick<AgentSettings, 'balance' | 'controlPlane'>): AgentSettings['balance'] {
  if (balance !== 'none' || controlPlane?.isMember !== true) return balance;
  return needsPlane(controlPlane) ? 'nftables' : 'none';
}
