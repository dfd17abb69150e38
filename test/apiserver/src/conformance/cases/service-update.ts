// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../api/objects.ts';
import type { ConformanceCase } from '../case.ts';
import { create, get, patch, remove, replace, service, testCase, withSpecOf } from './steps.ts';

/** A Service of the first specification, changed by a merge patch of the second, then by further ones. */
const CHANGES: Readonly<Record<string, readonly [JsonObject, ...JsonObject[]]>> = {
  'balancer-to-cluster-ip': [
    { type: 'LoadBalancer', loadBalancerClass: 'a.b/c', loadBalancerIP: '1.2.3.4' },
    { type: 'ClusterIP' },
  ],
  'balancer-to-cluster-ip-and-back': [
    { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
    { type: 'ClusterIP' },
    { type: 'LoadBalancer' },
  ],
  'balancer-to-node-port': [
    { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30_020 }] },
    { type: 'NodePort' },
  ],
  'balancer-local-to-cluster': [
    { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_021 },
    { externalTrafficPolicy: 'Cluster' },
  ],
  'balancer-cluster-to-local': [{ type: 'LoadBalancer' }, { externalTrafficPolicy: 'Local' }],
  'health-port-immutable': [
    { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_022 },
    { healthCheckNodePort: 30_023 },
  ],
  'class-set-later': [{ type: 'LoadBalancer' }, { loadBalancerClass: 'a.b/c' }],
  'class-changed': [{ type: 'LoadBalancer', loadBalancerClass: 'a.b/c' }, { loadBalancerClass: 'a.b/d' }],
  'class-removed': [{ type: 'LoadBalancer', loadBalancerClass: 'a.b/c' }, { loadBalancerClass: null }],
  'class-wrong': [{ type: 'LoadBalancer' }, { loadBalancerClass: 'a b' }],
  'class-set-with-type': [{}, { type: 'LoadBalancer', loadBalancerClass: 'a.b/c' }],
  'class-changed-with-type': [
    { type: 'LoadBalancer', loadBalancerClass: 'a.b/c' },
    { type: 'ClusterIP', loadBalancerClass: 'a.b/d' },
  ],
  'node-port-to-cluster-ip': [{ type: 'NodePort' }, { type: 'ClusterIP' }],
  'node-port-to-cluster-ip-asking': [
    { type: 'NodePort', ports: [{ port: 80, nodePort: 30_024 }] },
    { type: 'ClusterIP', ports: [{ port: 80, nodePort: 30_025 }] },
  ],
  'node-ports-kept-by-name': [
    {
      type: 'NodePort',
      ports: [
        { port: 80, name: 'a', nodePort: 30_026 },
        { port: 81, name: 'b', nodePort: 30_027 },
      ],
    },
    {
      ports: [
        { port: 90, name: 'b' },
        { port: 80, name: 'a' },
        { port: 70, name: 'c', nodePort: 30_028 },
      ],
    },
    {
      ports: [
        { port: 70, name: 'c' },
        { port: 80, name: 'a', nodePort: 30_029 },
      ],
    },
  ],
  'node-ports-stay-when-not-allocated': [
    { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30_030 }] },
    { allocateLoadBalancerNodePorts: false },
  ],
  'to-external-name': [{ ipFamilyPolicy: 'PreferDualStack' }, { type: 'ExternalName', externalName: 'a.b' }],
  'to-external-name-keeping-address': [
    { clusterIP: '10.96.0.60' },
    { type: 'ExternalName', externalName: 'a.b', clusterIP: '10.96.0.61' },
  ],
  'from-external-name': [{ type: 'ExternalName', externalName: 'a.b' }, { type: 'ClusterIP' }],
  'cluster-ip-changed': [{ clusterIP: '10.96.0.62' }, { clusterIP: '10.96.0.63' }],
  'cluster-ip-cleared': [{ clusterIP: '10.96.0.64' }, { clusterIP: '' }],
  'cluster-ip-removed': [{ clusterIP: '10.96.0.65' }, { clusterIP: null, clusterIPs: null }],
  'cluster-ip-to-headless': [{ clusterIP: '10.96.0.66' }, { clusterIP: 'None', clusterIPs: ['None'] }],
  'headless-to-cluster-ip': [
    { clusterIP: 'None', selector: { a: 'b' } },
    { clusterIP: '10.96.0.67', clusterIPs: ['10.96.0.67'] },
  ],
  'single-to-dual': [{ clusterIP: '10.96.0.68' }, { ipFamilyPolicy: 'RequireDualStack' }],
  'single-to-dual-asking': [
    { clusterIP: '10.96.0.69' },
    {
      ipFamilyPolicy: 'PreferDualStack',
      clusterIPs: ['10.96.0.69', 'fd00:10:96::69'],
      ipFamilies: ['IPv4', 'IPv6'],
    },
  ],
  'dual-to-single': [
    { clusterIP: '10.96.0.70', ipFamilyPolicy: 'RequireDualStack' },
    { ipFamilyPolicy: 'SingleStack' },
  ],
  'dual-loses-address': [
    { clusterIP: '10.96.0.71', ipFamilyPolicy: 'RequireDualStack' },
    { clusterIPs: ['10.96.0.71'] },
  ],
  'dual-loses-family': [
    { clusterIP: '10.96.0.72', ipFamilyPolicy: 'PreferDualStack' },
    { ipFamilies: ['IPv4'] },
  ],
  'dual-loses-both': [
    { clusterIP: '10.96.0.73', ipFamilyPolicy: 'PreferDualStack' },
    { ipFamilies: ['IPv4'], clusterIPs: ['10.96.0.73'], ipFamilyPolicy: 'SingleStack' },
  ],
  'primary-family-changed': [{ clusterIP: '10.96.0.74' }, { ipFamilies: ['IPv6'] }],
  'families-swapped': [
    { clusterIP: '10.96.0.75', ipFamilyPolicy: 'RequireDualStack' },
    { ipFamilies: ['IPv6', 'IPv4'] },
  ],
  'policy-removed': [
    { clusterIP: '10.96.0.76', ipFamilyPolicy: 'PreferDualStack' },
    { ipFamilyPolicy: null },
  ],
  'external-ips-make-policy': [{}, { externalIPs: ['198.51.100.1'] }, { externalIPs: null }],
  'ports-added': [{ ports: [{ port: 80, name: 'a' }] }, { ports: [{ port: 80, name: 'a' }, { port: 81 }] }],
  'selector-removed': [{ selector: { a: 'b' } }, { selector: null }],
  'affinity-on-and-off': [{}, { sessionAffinity: 'ClientIP' }, { sessionAffinity: 'None' }],
};

/** Changes of Services. */
export const SERVICE_UPDATE_CASES: readonly ConformanceCase[] = [
  ...Object.entries(CHANGES).map(([name, [first, ...changes]]) =>
    testCase(
      `service-update-${name}`,
      create('services', service('web', first)),
      ...changes.map((spec) => patch('services', 'web', 'merge', { spec })),
    ),
  ),
  testCase(
    'service-put-without-allocated',
    create(
      'services',
      service('web', {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.90',
        ports: [{ port: 80, nodePort: 30_040 }],
      }),
    ),
    replace('services', 'web', () => service('web', { type: 'LoadBalancer' }, { labels: { a: 'b' } })),
    replace('services', 'web', (live) => withSpecOf(live, { loadBalancerIP: '192.0.2.4' })),
    replace('services', 'web', (live) => ({
      ...live,
      status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
    })),
  ),
  testCase(
    'service-put-annotation-label-finalizer-spec',
    create(
      'services',
      service('web', {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.91',
        ports: [{ port: 80, nodePort: 30_041 }],
      }),
    ),
    replace('services', 'web', (live) => ({
      ...withSpecOf(live, { loadBalancerIP: '192.0.2.4' }),
      metadata: {
        ...(live.metadata as JsonObject),
        labels: { implementation: 'kube-vip' },
        annotations: { 'kube-vip.io/loadbalancerIPs': '192.0.2.4' },
        finalizers: ['service.kubernetes.io/load-balancer-cleanup'],
      },
    })),
    remove('services', 'web'),
    get('services', 'web'),
    patch('services', 'web', 'merge', {
      metadata: { finalizers: ['a.b/c', 'service.kubernetes.io/load-balancer-cleanup'] },
    }),
    patch('services', 'web', 'merge', { metadata: { finalizers: null } }),
    get('services', 'web'),
  ),
  testCase(
    'service-addresses-come-back',
    create(
      'services',
      service('one', { type: 'NodePort', clusterIP: '10.96.0.92', ports: [{ port: 80, nodePort: 30_042 }] }),
    ),
    create('services', service('two', { clusterIP: '10.96.0.92' })),
    create('services', service('two', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_042 }] })),
    remove('services', 'one'),
    create(
      'services',
      service('two', { type: 'NodePort', clusterIP: '10.96.0.92', ports: [{ port: 80, nodePort: 30_042 }] }),
    ),
  ),
  testCase(
    'service-dry-run-holds-nothing',
    create(
      'services',
      service('one', { type: 'NodePort', clusterIP: '10.96.0.93', ports: [{ port: 80, nodePort: 30_043 }] }),
      '?dryRun=All',
    ),
    get('services', 'one'),
    create(
      'services',
      service('two', { type: 'NodePort', clusterIP: '10.96.0.93', ports: [{ port: 80, nodePort: 30_043 }] }),
    ),
  ),
];
