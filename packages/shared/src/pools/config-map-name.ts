// SPDX-License-Identifier: Apache-2.0
import { CONFIG_MAP_NAME, LEGACY_CONFIG_MAP_NAME, SYSTEM_NAMESPACE } from '../kubernetes/contract.ts';
import type { SettingsReader } from '../runtime/settings.ts';
import type { PoolConfigMap } from './pool-config.ts';

/**
 * The ConfigMap with the pools. The names of plndr-cloud-provider count where those of kube-vip-cloud-provider say nothing,
 * and so does its ConfigMap when no name is given.
 */
export function readConfigMap(reader: SettingsReader): PoolConfigMap {
  const text = (env: string) => reader.optionalString({ env });
  const namespace = text('KUBEVIP_NAMESPACE') ?? text('PLNDR_NAMESPACE') ?? SYSTEM_NAMESPACE;
  const name = text('KUBEVIP_CONFIG_MAP') ?? text('PLNDR_CONFIG_MAP');
  if (name !== undefined) return { namespace, name };
  return { namespace, name: CONFIG_MAP_NAME, legacyName: LEGACY_CONFIG_MAP_NAME };
}
