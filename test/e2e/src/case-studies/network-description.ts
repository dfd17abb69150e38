// SPDX-License-Identifier: Apache-2.0

/** A Docker network, as far as anybody looks at it here. */
export interface DockerNetwork {
  readonly subnets: readonly { readonly subnet: string; readonly gateway?: string }[];
  /** Addresses of containers, without prefix length. */
  readonly containers: readonly string[];
}

/** What `docker network inspect kind` prints. Pure. */
export function describeNetwork({ subnets, containers }: DockerNetwork): string {
  const entries = containers.map((address, index) => [
    `${index}`.padStart(64, 'f'),
    { Name: `kind-${index}`, MacAddress: '02:42:ac:12:00:03', IPv4Address: `${address}/16`, IPv6Address: '' },
  ]);
  const network = {
    Name: 'kind',
    Created: '2026-11-20T09:12:44.102934412Z',
    Scope: 'local',
    Driver: 'bridge',
    EnableIPv6: true,
    IPAM: {
      Driver: 'default',
      Options: {},
      Config: subnets.map(({ subnet, gateway }) => ({
        Subnet: subnet,
        ...(gateway === undefined ? {} : { Gateway: gateway }),
      })),
    },
    Internal: false,
    Containers: Object.fromEntries(entries) as unknown,
    Options: { 'com.docker.network.bridge.enable_ip_masquerade': 'true' },
    Labels: {},
  };
  return `${JSON.stringify([network], null, 4)}\n`;
}
