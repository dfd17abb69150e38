// SPDX-License-Identifier: Apache-2.0
import { wordType } from '@fairlead/shared/runtime/value-types.ts';
import { KERNEL_SCHEDULERS } from '../../balance/model/kernel-schedulers.ts';
import type { SettingSpec } from './setting.ts';

/** Who sends connections to pods, and how. */
export const DATA_PLANE_SETTINGS = {
  balance: {
    env: 'fairlead_balance',
    flag: 'balance',
    file: 'balance',
    value: wordType(['none', 'nftables', 'ipvs', 'userspace'], 'none'),
    help: 'who sends connections to pods; none: kube-proxy does',
  },
  forwarding: {
    env: 'fairlead_forwarding',
    flag: 'forwarding',
    file: 'forwarding',
    value: wordType(['nat', 'dsr'], 'nat'),
    help: 'how packets reach pods; dsr: a node with pods answers clients itself',
  },
  ipvsForwarding: {
    env: 'fairlead_ipvs_forwarding',
    flag: 'ipvs-forwarding',
    file: 'ipvsForwarding',
    value: wordType(
      ['masquerade', 'directroute', 'tunnel', 'local', 'bypass'],
      undefined,
      'masquerade, or as fairlead_forwarding says',
    ),
    help: 'with ipvs: how packets reach pods, by the words of kube-vip',
  },
  ipvsScheduler: {
    env: 'fairlead_ipvs_scheduler',
    flag: 'ipvs-scheduler',
    file: 'ipvsScheduler',
    value: wordType(KERNEL_SCHEDULERS, undefined, 'rr'),
    help: 'with ipvs: scheduler of Services that do not say',
  },
} as const satisfies Record<string, SettingSpec>;
