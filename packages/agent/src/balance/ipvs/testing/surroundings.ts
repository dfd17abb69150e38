// SPDX-License-Identifier: Apache-2.0
import type { IpvsSurroundings } from '../ipvs-forwarding.ts';

/** As the node `here` with the address 192.0.2.1 on its only link sees it. */
export const SURROUNDINGS: IpvsSurroundings = {
  node: 'here',
  links: [
    {
      name: 'eth0',
      index: 2,
      kind: 'ether',
      isUp: true,
      mtu: 1500,
      addresses: [
        {
          family: 4,
          address: '192.0.2.1',
          prefixLength: 24,
          scope: 'global',
          validSeconds: Number.POSITIVE_INFINITY,
          preferredSeconds: Number.POSITIVE_INFINITY,
          tentative: false,
        },
      ],
    },
  ],
};
