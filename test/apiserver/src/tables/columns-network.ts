// SPDX-License-Identifier: Apache-2.0
import { type ApiObject, arrayOf, at, numberOf, stringOf } from '../api/objects.ts';
import { AGE, type Table, text, wide } from './column.ts';
import { firstThree, formatLabels, hostPort, NONE, UNKNOWN } from './format.ts';

function strings(object: ApiObject, ...path: readonly string[]): string[] {
  return arrayOf(at(object, ...path)).map(stringOf);
}

function externalIp(service: ApiObject): string {
  const external = strings(service, 'spec', 'externalIPs');
  switch (at(service, 'spec', 'type')) {
    case 'ClusterIP':
    case 'NodePort':
      return external.join(',') || NONE;
    case 'LoadBalancer': {
      const ingress = arrayOf(at(service, 'status', 'loadBalancer', 'ingress'))
        .map((item) => stringOf(at(item, 'ip')) || stringOf(at(item, 'hostname')))
        .filter((address) => address !== '');
      return [...new Set([...ingress].sort()), ...external].join(',') || '<pending>';
    }
    case 'ExternalName':
      return stringOf(at(service, 'spec', 'externalName'));
    default:
      return UNKNOWN;
  }
}

function servicePorts(service: ApiObject): string {
  const ports = arrayOf(at(service, 'spec', 'ports')).map((port) => {
    const nodePort = numberOf(at(port, 'nodePort'));
    const number = numberOf(at(port, 'port'));
    return `${number}${nodePort > 0 ? `:${nodePort}` : ''}/${stringOf(at(port, 'protocol'))}`;
  });
  return ports.join(',') || NONE;
}

/** Addresses of Endpoints: the first three, with their ports where they have some. */
function endpointAddresses(endpoints: ApiObject): string {
  const subsets = arrayOf(endpoints.subsets);
  if (subsets.length === 0) return NONE;
  const all = subsets.flatMap((subset) => {
    const addresses = arrayOf(at(subset, 'addresses')).map((address) => stringOf(at(address, 'ip')));
    const ports = arrayOf(at(subset, 'ports'));
    if (ports.length === 0) return addresses;
    return ports.flatMap((port) => addresses.map((address) => hostPort(address, at(port, 'port'))));
  });
  return all.length === 0 ? '' : firstThree(all);
}

function sliceEndpoints(slice: ApiObject): string {
  return firstThree(
    arrayOf(slice.endpoints).flatMap((endpoint) => arrayOf(at(endpoint, 'addresses')).map(stringOf)),
  );
}

function slicePorts(slice: ApiObject): string {
  return firstThree(
    arrayOf(slice.ports).map((port) => String(at(port, 'port') ?? (stringOf(at(port, 'name')) || '*'))),
  );
}

/** Tables of Services and what belongs to them. */
export const NETWORK_TABLES: readonly Table[] = [
  [
    '/Service',
    [
      text('Type', 'How the Service is exposed.', (service) => stringOf(at(service, 'spec', 'type'))),
      text(
        'Cluster-IP',
        'Address inside the cluster.',
        (service) => strings(service, 'spec', 'clusterIPs')[0] ?? NONE,
      ),
      text('External-IP', 'Addresses outside of the cluster.', externalIp),
      text('Port(s)', 'Ports, with their node ports.', servicePorts),
      AGE,
      wide('Selector', 'Pods behind the Service.', (service) =>
        formatLabels(at(service, 'spec', 'selector')),
      ),
    ],
  ],
  ['/Endpoints', [text('Endpoints', 'Addresses and ports.', endpointAddresses), AGE]],
  [
    'discovery.k8s.io/EndpointSlice',
    [
      text('AddressType', 'Kind of the addresses.', (slice) => stringOf(slice.addressType)),
      text('Ports', 'Ports of the endpoints.', slicePorts),
      text('Endpoints', 'Addresses of the endpoints.', sliceEndpoints),
      AGE,
    ],
  ],
  [
    'coordination.k8s.io/Lease',
    [text('Holder', 'Who holds the lease.', (lease) => stringOf(at(lease, 'spec', 'holderIdentity'))), AGE],
  ],
  [
    'networking.k8s.io/ServiceCIDR',
    [text('CIDRs', 'Ranges of cluster IPs.', (object) => strings(object, 'spec', 'cidrs').join(',')), AGE],
  ],
  [
    'networking.k8s.io/IPAddress',
    [
      text('ParentRef', 'What holds the address.', (object) => {
        const parent = at(object, 'spec', 'parentRef');
        return ['group', 'resource', 'namespace', 'name']
          .map((key) => stringOf(at(parent, key)))
          .filter((part) => part !== '')
          .join('/');
      }),
      AGE,
    ],
  ],
];
