// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import { familyName } from '@fairlead/shared/address/address.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { readSetting } from './sysctl.ts';

/** Family -> setting without which the kernel sends nothing on to other hosts, as `1`. */
export const FORWARDING: ReadonlyMap<Family, string> = new Map([
  [4, 'net.ipv4.ip_forward'],
  [6, 'net.ipv6.conf.all.forwarding'],
]);

/**
 * Without forwarding the kernel drops what it should pass on to a pod. CNIs switch it on, and whether it should be on is for
 * administrators to decide, so it is only said.
 */
export async function warnWithoutForwarding(logger: Logger): Promise<void> {
  for (const [family, setting] of FORWARDING) {
    const received = await readSetting(setting).catch(() => undefined);
    if (received === undefined || received === '1') continue;
    logger.warn({ setting, received, expected: '1' }, `${familyName(family)} is not forwarded on this node`);
  }
}
