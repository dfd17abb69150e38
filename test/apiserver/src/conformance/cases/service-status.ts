// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../api/objects.ts';
import type { ConformanceCase } from '../case.ts';
import { create, get, patch, replace, service, testCase } from './steps.ts';

const BALANCER = service('web', { type: 'LoadBalancer', clusterIP: '', ports: [{ port: 80 }] });

/** Status patches of a load balancer. */
const STATUSES: Readonly<Record<string, JsonObject>> = {
  address: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
  'two-addresses': { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: 'fd00::1', ipMode: 'Proxy' }] } },
  hostname: { loadBalancer: { ingress: [{ hostname: 'a.example.com' }] } },
  'hostname-wrong': { loadBalancer: { ingress: [{ hostname: 'A b' }, { hostname: '192.0.2.1' }] } },
  'hostname-with-mode': { loadBalancer: { ingress: [{ hostname: 'a.example.com', ipMode: 'VIP' }] } },
  'address-wrong': { loadBalancer: { ingress: [{ ip: 'banana' }, { ip: '010.0.0.1' }] } },
  'mode-wrong': { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'Both' }] } },
  ports: {
    loadBalancer: {
      ingress: [
        {
          ip: '192.0.2.1',
          ports: [
            { port: 80, protocol: 'TCP', error: 'example.com/Broken' },
            { port: 0, protocol: 'X' },
          ],
        },
      ],
    },
  },
  conditions: {
    conditions: [
      {
        type: 'a.b/Ready',
        status: 'True',
        reason: 'Fine',
        message: 'm',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  },
  'conditions-wrong': {
    conditions: [{ type: 'not ok', status: 'Perhaps', reason: '', message: '', lastTransitionTime: null }],
  },
};

/** Status of Services. */
export const SERVICE_STATUS_CASES: readonly ConformanceCase[] = [
  ...Object.entries(STATUSES).map(([name, status]) =>
    testCase(
      `service-status-${name}`,
      create('services', BALANCER),
      patch('services', 'web/status', 'merge', {
        metadata: { labels: { a: 'b' } },
        spec: { type: 'ClusterIP' },
        status,
      }),
      get('services', 'web'),
    ),
  ),
  testCase(
    'service-status-not-a-balancer',
    create('services', service('web')),
    patch('services', 'web/status', 'merge', {
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    }),
  ),
  testCase(
    'service-status-cleared-by-type',
    create('services', BALANCER),
    patch('services', 'web/status', 'strategic', {
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    }),
    patch('services', 'web', 'merge', { spec: { type: 'ClusterIP' } }),
  ),
  testCase(
    'service-status-put',
    create('services', BALANCER),
    replace('services', 'web/status', (live) => ({
      ...live,
      spec: { type: 'LoadBalancer', ports: [{ port: 81 }] },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    })),
    replace('services', 'web', (live) => ({ ...live, status: {} })),
  ),
];
