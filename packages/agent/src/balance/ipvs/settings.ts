// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { warnWithoutForwarding } from '../../system/forwarding.ts';
import { IpvsUnavailable } from '../../system/ipvs.ts';
import { readSetting, writeSetting } from '../../system/sysctl.ts';

/** Settings of the kernel that decide what becomes of connections; all are of the network namespace, and IPVS's own. */
const OWN = [
  {
    name: 'net.ipv4.vs.conntrack',
    why: 'without it the answers of back ends do not come back through this host',
    isNeeded: true,
  },
  {
    name: 'net.ipv4.vs.expire_nodest_conn',
    why: 'clients of a removed back end wait for a time-out instead of getting a reset or another back end',
    isNeeded: false,
  },
  {
    name: 'net.ipv4.vs.expire_quiescent_template',
    why: 'clients with session affinity stay with a back end that gets nothing new',
    isNeeded: false,
  },
] as const;

/** Their names; each is to be `1`. */
export const IPVS_SETTINGS: readonly string[] = OWN.map(({ name }) => name);

/**
 * Sets what IPVS needs, and says what is missing. Forwarding is for administrators to decide (CNIs switch it on), so it is only
 * looked at.
 *
 * @throws IpvsUnavailable when what is needed cannot be set: writing to `/proc/sys` needs a privileged container
 */
export async function setSettings(logger: Logger): Promise<void> {
  for (const { name, why, isNeeded } of OWN) {
    const received = await readSetting(name);
    if (received === '1') continue;
    try {
      await writeSetting(name, '1');
    } catch (error) {
      const hint = `set ${name}=1 on this host, or let the agent write to /proc/sys (a privileged container)`;
      if (isNeeded) throw new IpvsUnavailable(`${name} is ${received}, and ${why}; ${hint}`);
      logger.warn({ err: error, setting: name, received, hint }, why);
    }
  }
  await warnWithoutForwarding(logger);
}

/** Was tracking of connections switched off by somebody? Switches it on again. Returns whether it had to. */
export async function restoreTracking(): Promise<boolean> {
  const [{ name }] = OWN;
  if ((await readSetting(name)) === '1') return false;
  await writeSetting(name, '1');
  return true;
}
