// SPDX-License-Identifier: Apache-2.0
import type { Surroundings } from '../../surroundings.ts';

/** As `node1` to `node3` on one link see it, and `far`, which has no address there. */
export function surroundingsFor(node: string): Surroundings {
  const number = node.replace('node', '');
  const address = (text: string, prefixLength: number) => ({
    family: text.includes(':') ? (6 as const) : (4 as const),
    address: text,
    prefixLength,
    scope: 'global',
    validSeconds: Number.POSITIVE_INFINITY,
    preferredSeconds: Number.POSITIVE_INFINITY,
    tentative: false,
  });
  return {
    node,
    links: [
      {
        name: 'eth0',
        index: 2,
        kind: 'ether',
        isUp: true,
        mtu: 1500,
        addresses: [
          address(`172.18.0.${number}`, 16),
          address(`fd00:18::${number}`, 64),
          address('172.18.0.200', 32),
        ],
      },
    ],
    linkOf: () => 'eth0',
    addressesOf: (name) =>
      name.startsWith('node')
        ? [`172.18.0.${name.replace('node', '')}`, `fd00:18::${name.replace('node', '')}`]
        : ['192.0.2.9'],
  };
}
