// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { ApiObject, Json } from '../api/objects.ts';
import { resource } from '../resources/catalog.ts';
import { formatSelector, humanDuration } from './format.ts';
import { summarizePod } from './pod.ts';
import { renderRow, tableColumns } from './table.ts';

const NOW = new Date('2026-01-01T00:10:00Z');
const CREATED = '2026-01-01T00:00:00Z';

function cells(group: string, plural: string, object: ApiObject): Json {
  const row: unknown = JSON.parse(renderRow(resource(group, plural), object, object, 'None', NOW));
  return (row as { cells: Json }).cells;
}

function headers(group: string, plural: string): string {
  return tableColumns(resource(group, plural))
    .map((column) => `${String(column.name)}${column.priority === 1 ? '*' : ''}`)
    .join(' ');
}

describe('humanDuration', () => {
  it.each([
    [0, '0s'],
    [119_000, '119s'],
    [120_000, '2m'],
    [200_000, '3m20s'],
    [600_000, '10m'],
    [3 * 3_600_000, '3h'],
    [3.5 * 3_600_000, '3h30m'],
    [10 * 3_600_000, '10h'],
    [50 * 3_600_000, '2d2h'],
    [30 * 86_400_000, '30d'],
    [800 * 86_400_000, '2y70d'],
    [-5_000, '<invalid>'],
  ])('%d ms is %s', (milliseconds, expected) => {
    expect(humanDuration(milliseconds)).toBe(expected);
  });
});

describe('tables', () => {
  it('have the columns of kubectl, with those of -o wide marked', () => {
    expect(headers('', 'services')).toBe('Name Type Cluster-IP External-IP Port(s) Age Selector*');
    expect(headers('', 'pods')).toBe(
      'Name Ready Status Restarts Age IP* Node* Nominated Node* Readiness Gates*',
    );
    expect(headers('', 'nodes')).toBe(
      'Name Status Roles Age Version Internal-IP* External-IP* OS-Image* Kernel-Version* Container-Runtime*',
    );
    expect(headers('apps', 'deployments')).toBe(
      'Name Ready Up-to-date Available Age Containers* Images* Selector*',
    );
    expect(headers('', 'events')).toBe(
      'Last Seen Type Reason Object Subobject* Source* Message First Seen* Count* Name*',
    );
    expect(headers('coordination.k8s.io', 'leases')).toBe('Name Holder Age');
  });

  it('show a Service with and without its address', () => {
    const service = {
      metadata: { name: 'echo', creationTimestamp: CREATED },
      spec: {
        type: 'LoadBalancer',
        clusterIPs: ['10.96.0.9'],
        ports: [
          { port: 80, nodePort: 30080, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
        selector: { b: '2', a: '1' },
      },
    };
    const row = ['echo', 'LoadBalancer', '10.96.0.9', '<pending>', '80:30080/TCP,53/UDP', '10m', 'a=1,b=2'];
    expect(cells('', 'services', service)).toEqual(row);
    const ingress = [{ ip: '172.18.0.201' }, { ip: '172.18.0.200' }];
    const ready = { ...service, status: { loadBalancer: { ingress } } };
    expect(cells('', 'services', ready)).toEqual(row.with(3, '172.18.0.200,172.18.0.201'));
  });

  it('show nodes, endpoint slices and events', () => {
    const node = {
      metadata: {
        name: 'n',
        creationTimestamp: CREATED,
        labels: { 'node-role.kubernetes.io/control-plane': '' },
      },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '172.18.0.2' }],
        nodeInfo: {
          kubeletVersion: 'v1.36.3',
          osImage: 'Debian',
          kernelVersion: '6.1',
          architecture: 'amd64',
        },
      },
    };
    expect(cells('', 'nodes', node)).toEqual([
      ...['n', 'Ready,SchedulingDisabled', 'control-plane', '10m', 'v1.36.3', '172.18.0.2', '<none>'],
      ...['Debian', '6.1 (amd64)', '<unknown>'],
    ]);
    const slice = {
      metadata: { name: 's', creationTimestamp: CREATED },
      addressType: 'IPv4',
      ports: [{ port: 80 }],
      endpoints: ['1', '2', '3', '4'].map((last) => ({ addresses: [`10.0.0.${last}`] })),
    };
    expect(cells('discovery.k8s.io', 'endpointslices', slice)).toEqual([
      ...['s', 'IPv4', '80', '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...', '10m'],
    ]);
    const event = {
      metadata: { name: 'e' },
      type: 'Warning',
      reason: 'PoolExhausted',
      message: 'no address left\n',
      involvedObject: { kind: 'Service', name: 'echo' },
      source: { component: 'cloud-provider' },
      firstTimestamp: CREATED,
      lastTimestamp: '2026-01-01T00:09:30Z',
      count: 4,
    };
    expect(cells('', 'events', event)).toEqual([
      ...[
        '30s',
        'Warning',
        'PoolExhausted',
        'service/echo',
        '',
        'cloud-provider',
        'no address left',
        '10m',
        4,
        'e',
      ],
    ]);
  });

  it('write selectors with expressions', () => {
    const selector = {
      matchLabels: { app: 'x' },
      matchExpressions: [
        { key: 'b', operator: 'In', values: ['2', '1'] },
        { key: 'a', operator: 'DoesNotExist' },
      ],
    };
    expect(formatSelector(selector)).toBe('!a,app=x,b in (1,2)');
  });
});

describe('summarizePod', () => {
  const pod = (status: Json, extra: object = {}): ApiObject => ({
    metadata: { name: 'p', ...extra },
    spec: { containers: [{ name: 'a' }, { name: 'b' }], initContainers: [{ name: 'i' }] },
    status,
  });
  const running = { name: 'a', ready: true, restartCount: 0, state: { running: {} } };

  it.each<[string, ApiObject, string]>([
    ['nothing yet', pod({ phase: 'Pending' }), '0/2 Pending 0'],
    [
      'initialising',
      pod({
        phase: 'Pending',
        initContainerStatuses: [{ name: 'i', state: { waiting: {} }, restartCount: 0 }],
      }),
      '0/2 Init:0/1 0',
    ],
    [
      'init failed',
      pod({
        phase: 'Pending',
        initContainerStatuses: [{ name: 'i', state: { terminated: { exitCode: 3 } }, restartCount: 2 }],
      }),
      '0/2 Init:ExitCode:3 2',
    ],
    ['one ready', pod({ phase: 'Running', containerStatuses: [running] }), '1/2 Running 0'],
    [
      'crashing',
      pod({
        phase: 'Running',
        containerStatuses: [
          running,
          {
            name: 'b',
            ready: false,
            restartCount: 3,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { finishedAt: '2026-01-01T00:09:00Z' } },
          },
        ],
      }),
      '1/2 CrashLoopBackOff 3 (60s ago)',
    ],
    [
      'completed',
      pod({
        phase: 'Succeeded',
        containerStatuses: [{ name: 'a', state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
      }),
      '0/2 Completed 0',
    ],
    [
      'being deleted',
      pod({ phase: 'Running', containerStatuses: [running] }, { deletionTimestamp: CREATED }),
      '1/2 Terminating 0',
    ],
    [
      'node lost',
      pod({ phase: 'Running', reason: 'NodeLost' }, { deletionTimestamp: CREATED }),
      '0/2 Unknown 0',
    ],
  ])('%s', (_name, object, expected) => {
    const { ready, total, status, restarts } = summarizePod(object, NOW);
    expect(`${ready}/${total} ${status} ${restarts}`).toBe(expected);
  });
});
