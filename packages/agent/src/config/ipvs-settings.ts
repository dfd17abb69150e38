// SPDX-License-Identifier: Apache-2.0
import type { SettingsReader } from '@fairlead/shared/runtime/settings.ts';
import type { Forwarding } from '../balance/model/frontend.ts';
import type { KernelScheduler } from '../balance/model/kernel-schedulers.ts';
import { SETTINGS } from './names.ts';
import type { AgentSettings } from './settings.ts';

/** How IPVS is used where Services do not say. */
export interface IpvsSettings {
  /** Undefined: nothing was said, so what all data planes are told counts. */
  readonly forwarding: Forwarding | undefined;
  /** Undefined: as in other data planes. */
  readonly scheduler: KernelScheduler | undefined;
}

/** kube-vip's names for the ways of IPVS, as in `lb_fwdmethod`. */
const FORWARDINGS = {
  masquerade: 'nat',
  directroute: 'directRoute',
  tunnel: 'tunnel',
  local: 'local',
  bypass: 'bypass',
} as const satisfies Record<string, Forwarding>;

/** Reads what belongs to IPVS; problems go to the reader. */
export function readIpvsSettings(reader: SettingsReader): IpvsSettings {
  const method = reader.value(SETTINGS.ipvsForwarding);
  return {
    forwarding: method === undefined ? undefined : FORWARDINGS[method],
    scheduler: reader.value(SETTINGS.ipvsScheduler),
  };
}

/** How packets reach the endpoints of Services that do not say. Pure. */
export function usualForwarding({
  balance,
  forwarding,
  ipvs,
}: Pick<AgentSettings, 'balance' | 'forwarding' | 'ipvs'>): Forwarding {
  return (balance === 'ipvs' ? ipvs.forwarding : undefined) ?? forwarding;
}
