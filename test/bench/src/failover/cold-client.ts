// SPDX-License-Identifier: Apache-2.0
import type { Lab } from '@fairlead/test-lab/lab.ts';
import { applyHost } from '@fairlead/test-lab/network/apply.ts';
import { CLIENT, type HostPlan, hostOf } from '@fairlead/test-lab/network/plan.ts';

/** Network namespace of the second client; the name makes it part of the first one, so that it goes with that. */
export const COLD_CLIENT = `${CLIENT}-cold`;
const NUMBER = 102;

/** A second client on the switch. It must not share a neighbour cache with the first, whose entries stay warm. */
export async function addColdClient({ plan }: Lab): Promise<void> {
  const first = hostOf(plan, CLIENT);
  const second: HostPlan = {
    ...first,
    name: COLD_CLIENT,
    mac: `02:fa:1e:00:00:${NUMBER.toString(16)}`,
    ipv4: `172.18.0.${NUMBER}`,
    ...(plan.ipv6 ? { ipv6: `fd00:18::${NUMBER.toString(16)}` } : {}),
    switchPort: `p-${COLD_CLIENT}`,
  };
  await applyHost(plan, second);
}
